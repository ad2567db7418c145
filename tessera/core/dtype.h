#pragma once
// The types that a tensor's values may have. A quantised block format is a dtype like any other: a block of
// `block_size` consecutive values of the last axis takes `block_bytes` bytes; for plain types a block is one value.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tessera {

enum class DType : uint8_t {
  kF64,
  kF32,
  kF16,
  kBF16,
  kI64,
  kI32,
  kI8,
  kU8,
  kBool,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ8_0,  // 32 values a block
  kQ2_K,
  kQ3_K,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kQ8_K,    // 256 values a block
  kIQ4_NL,  // 32 values a block, non-linear levels
  kIQ4_XS,  // 256 values a block, non-linear levels
};
inline constexpr int kDTypeCount = static_cast<int>(DType::kIQ4_XS) + 1;

struct DTypeInfo {
  std::string_view name;  // lower case: "f32", "bf16", "q4_k"
  int64_t block_size;     // values a block
  int64_t block_bytes;    // bytes a block
  bool is_float;          // f64, f32, f16, bf16
};

const DTypeInfo& Info(DType dtype);
std::string_view Name(DType dtype);
inline bool IsQuantized(DType dtype) { return dtype >= DType::kQ4_0; }

// The dtype of that name, in any case ("F32", "q4_K"); throws Error that lists the names otherwise.
DType DTypeFromName(std::string_view name);

// Bytes that `count` values of the last axis take. Throws Error if `count` is not a multiple of the block size, or if
// the product overflows.
int64_t BytesFor(DType dtype, int64_t count);

// bfloat16: the upper half of an IEEE binary32: 1 sign, 8 exponent, 7 fraction bits.
struct BFloat16 {
  uint16_t bits = 0;
  BFloat16() = default;
  explicit BFloat16(float value) {  // round to nearest, ties to even; NaN stays a quiet NaN
    const uint32_t u = std::bit_cast<uint32_t>(value);
    if ((u & 0x7fffffffu) > 0x7f800000u)
      bits = static_cast<uint16_t>((u >> 16) | 0x0040u);
    else
      bits = static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
  }
  explicit operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};

// IEEE binary16: 1 sign, 5 exponent, 10 fraction bits.
struct Float16 {
  uint16_t bits = 0;
  Float16() = default;
  explicit Float16(float value) : bits(FromFloat(value)) {}
  explicit operator float() const { return ToFloat(bits); }
  static uint16_t FromFloat(float value);  // round to nearest, ties to even
  static float ToFloat(uint16_t bits);     // exact
};

// DTypeOf<float> == DType::kF32, and so on.
template <typename T>
inline constexpr DType DTypeOf = [] {
  static_assert(sizeof(T) == 0, "no dtype for this type");
  return DType::kF32;
}();
template <>
inline constexpr DType DTypeOf<double> = DType::kF64;
template <>
inline constexpr DType DTypeOf<float> = DType::kF32;
template <>
inline constexpr DType DTypeOf<Float16> = DType::kF16;
template <>
inline constexpr DType DTypeOf<BFloat16> = DType::kBF16;
template <>
inline constexpr DType DTypeOf<int64_t> = DType::kI64;
template <>
inline constexpr DType DTypeOf<int32_t> = DType::kI32;
template <>
inline constexpr DType DTypeOf<int8_t> = DType::kI8;
template <>
inline constexpr DType DTypeOf<uint8_t> = DType::kU8;
template <>
inline constexpr DType DTypeOf<bool> = DType::kBool;

}  // namespace tessera
