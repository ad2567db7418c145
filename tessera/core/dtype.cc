#include "tessera/core/dtype.h"

#include <algorithm>
#include <array>
#include <string>

#include "tessera/core/checked.h"
#include "tessera/core/error.h"

namespace tessera {
namespace {

constexpr std::array<DTypeInfo, kDTypeCount> kInfo = {{
    {"f64", 1, 8, true},       {"f32", 1, 4, true},         {"f16", 1, 2, true},       {"bf16", 1, 2, true},
    {"i64", 1, 8, false},      {"i32", 1, 4, false},        {"i8", 1, 1, false},       {"u8", 1, 1, false},
    {"bool", 1, 1, false},     {"q4_0", 32, 18, false},     {"q4_1", 32, 20, false},   {"q5_0", 32, 22, false},
    {"q5_1", 32, 24, false},   {"q8_0", 32, 34, false},     {"q2_k", 256, 84, false},  {"q3_k", 256, 110, false},
    {"q4_k", 256, 144, false}, {"q5_k", 256, 176, false},   {"q6_k", 256, 210, false}, {"q8_k", 256, 292, false},
    {"iq4_nl", 32, 18, false}, {"iq4_xs", 256, 136, false},
}};

}  // namespace

const DTypeInfo& Info(DType dtype) { return kInfo[static_cast<size_t>(dtype)]; }

std::string_view Name(DType dtype) { return Info(dtype).name; }

DType DTypeFromName(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  std::string known;
  for (int i = 0; i < kDTypeCount; ++i) {
    if (kInfo[i].name == lower) return static_cast<DType>(i);
    known += (i ? ", " : "") + std::string(kInfo[i].name);
  }
  Fail("dtype: \"{}\" is not one of {}", name, known);
}

int64_t BytesFor(DType dtype, int64_t count) {
  const DTypeInfo& info = Info(dtype);
  Require(count >= 0 && count % info.block_size == 0, "dtype {}: {} values are not whole blocks of {}", info.name,
          count, info.block_size);
  return CheckedMul(count / info.block_size, info.block_bytes, "tensor bytes");
}

uint16_t Float16::FromFloat(float value) {
  const uint32_t u = std::bit_cast<uint32_t>(value);
  const uint16_t sign = static_cast<uint16_t>((u >> 16) & 0x8000u);
  const uint32_t magnitude = u & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return sign | 0x7e00u;   // NaN
  if (magnitude >= 0x477ff000u) return sign | 0x7c00u;  // rounds to 65536 or more: infinity
  if (magnitude < 0x38800000u) {                        // below 2^-14: subnormal, in units of 2^-24
    // Adding 0.5 aligns the unit in the last place of the sum with 2^-24, so the FPU rounds half to even.
    const float sum = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(sum) - 0x3f000000u));
  }
  // Rebias the exponent by 127 - 15 = 112 and round the 13 dropped fraction bits half to even.
  const uint32_t rounded = magnitude - (112u << 23) + 0x0fffu + ((magnitude >> 13) & 1u);
  return static_cast<uint16_t>(sign | (rounded >> 13));
}

float Float16::ToFloat(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t magnitude = bits & 0x7fffu;
  if (magnitude >= 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13));
  if (magnitude >= 0x0400u) return std::bit_cast<float>(sign | ((magnitude << 13) + (112u << 23)));
  const float value = static_cast<float>(magnitude) * 0x1p-24f;
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(value));
}

}  // namespace tessera
