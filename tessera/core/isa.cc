#include "tessera/core/isa.h"

#include <hwy/targets.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <string>

#include "tessera/core/error.h"

namespace tessera {
namespace {

struct IsaInfo {
  Isa isa;
  std::string_view name;
  int64_t highway;  // the Highway target that its kernels come from; 0: the portable one
};

// Kernels for VNNI and BF16 instructions are functions of their own beside the AVX3 text: Highway 1.0.3 has no target
// for BF16, and its AVX3_DL would let the compiler emit AVX-VNNI, which Zen 4 lacks.
constexpr std::array<IsaInfo, 6> kIsas = {{
    {Isa::kPortable, "portable", 0},
    {Isa::kAvx2, "avx2", HWY_AVX2},
    {Isa::kAvx512, "avx512", HWY_AVX2 | HWY_AVX3},
    {Isa::kAvx512Vnni, "avx512_vnni", HWY_AVX2 | HWY_AVX3},
    {Isa::kAvx512Bf16, "avx512_bf16", HWY_AVX2 | HWY_AVX3},
    {Isa::kNeon, "neon", HWY_NEON},
}};

const IsaInfo& Info(Isa isa) { return kIsas[static_cast<size_t>(isa)]; }

bool Supported(Isa isa) {
#if defined(__x86_64__)
  const auto has_highway = [](int64_t target) { return (hwy::SupportedTargets() & target) != 0; };
  switch (isa) {
    case Isa::kPortable:
      return true;
    case Isa::kAvx2:
      return has_highway(HWY_AVX2);
    case Isa::kAvx512:
      return has_highway(HWY_AVX3);
    case Isa::kAvx512Vnni:
      return has_highway(HWY_AVX3) && __builtin_cpu_supports("avx512vnni");
    case Isa::kAvx512Bf16:
      return has_highway(HWY_AVX3) && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bf16");
    case Isa::kNeon:
      return false;
  }
  return false;
#elif defined(__aarch64__)
  return isa == Isa::kNeon;  // part of the baseline
#else
  return isa == Isa::kPortable;
#endif
}

const std::vector<Isa>& Detected() {
  static const std::vector<Isa> detected = [] {
    std::vector<Isa> found;
    for (const IsaInfo& info : kIsas) {
      if (Supported(info.isa)) found.push_back(info.isa);
    }
    return found;
  }();
  return detected;
}

std::atomic<Isa>& Live() {
  static std::atomic<Isa> live = [] {
    const char* text = std::getenv("TESSERA_ISA");
    Isa isa = Detected().back();
    if (text != nullptr && *text != '\0') {
      try {
        isa = IsaFromName(text);
      } catch (const Error& error) {
        Fail("TESSERA_ISA: {}", error.what());
      }
      Require(std::ranges::count(Detected(), isa) > 0, "TESSERA_ISA: this machine does not support {}, its best is {}",
              Name(isa), Name(Detected().back()));
    }
    hwy::GetChosenTarget().Update(Info(isa).highway);
    return isa;
  }();
  return live;
}

}  // namespace

std::string_view Name(Isa isa) { return Info(isa).name; }

Isa IsaFromName(std::string_view name) {
  std::string known;
  for (const IsaInfo& info : kIsas) {
    if (info.name == name) return info.isa;
    known += (known.empty() ? "" : ", ") + std::string(info.name);
  }
  Fail("instruction set: \"{}\" is not one of {}", name, known);
}

std::vector<Isa> SupportedIsas() { return Detected(); }

Isa LiveIsa() { return Live().load(std::memory_order_relaxed); }

void ForceIsa(Isa isa) {
  Require(std::ranges::count(Detected(), isa) > 0, "instruction set: this machine does not support {}", Name(isa));
  Live().store(isa);
  hwy::GetChosenTarget().Update(Info(isa).highway);
}

}  // namespace tessera
