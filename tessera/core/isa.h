#pragma once
// The instruction set that kernels run on, chosen once when the program starts.
//
// One binary runs on any machine: kernels are compiled for every set below that the target architecture knows, and
// the best one that the processor offers is live. TESSERA_ISA=portable|avx2|avx512|avx512_vnni|avx512_bf16|neon forces
// one, for tests and for people who compare.

#include <cstdint>
#include <string_view>
#include <vector>

namespace tessera {

// Each x86 set contains those before it.
enum class Isa : uint8_t {
  kPortable,    // plain C++ for the baseline of the architecture (x86-64: SSE2)
  kAvx2,        // AVX2 with FMA, F16C and BMI2: Intel Haswell, AMD Zen
  kAvx512,      // F, VL, DQ, BW: Intel Skylake-X
  kAvx512Vnni,  // int8 dot products: Intel Cascade Lake, Ice Lake
  kAvx512Bf16,  // bfloat16 dot products as well: AMD Zen 4, Intel Sapphire Rapids
  kNeon,        // 64-bit Arm
};

// The set that kernels use now. The first call reads TESSERA_ISA; throws Error if it names no set, or one that this
// processor lacks.
Isa LiveIsa();

std::string_view Name(Isa isa);          // "avx512_vnni"
Isa IsaFromName(std::string_view name);  // throws Error that lists the names otherwise
// What this processor and this binary support, worst first; never empty.
std::vector<Isa> SupportedIsas();

// Makes another set live, for tests that compare instruction sets inside one process. Not while a kernel runs.
// Throws Error if it is not supported.
void ForceIsa(Isa isa);

}  // namespace tessera
