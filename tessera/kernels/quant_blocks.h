#pragma once
// The block formats of GGUF files, byte by byte. A row of a quantised tensor is a sequence of such blocks and nothing
// else; all numbers are little-endian. `x[i]` below is the i-th value of a block.
//
// In the drawings one box is one byte, its highest bit first. "q[a]:4" is the 4-bit code of value a.
//
// Formats of 32 values carry a scale d (f16), and those that end in _1 also a minimum m (f16).
// Formats of 256 values ("K") are 16 parts of 16 values or 8 parts of 32. Each part has a small integer scale (and
// minimum) in units of the block's own d (and dmin), so that a part's scale costs 4 to 8 bits in place of 16.

#include <array>
#include <cstdint>

#include "tessera/core/dtype.h"
#include "tessera/core/error.h"

namespace tessera::kernels {

static_assert(std::endian::native == std::endian::little, "blocks are little-endian and used in place");

inline constexpr int kSmallBlock = 32;   // values in a block of the older formats
inline constexpr int kSuperBlock = 256;  // values in a block of the K formats and IQ4_XS

// x[i] = d (q[i] - 8)                              q in 0 … 15
struct BlockQ4_0 {
  Float16 d;
  uint8_t qs[16];  // qs[j] = | q[j+16]:4 | q[j]:4 |
};

// x[i] = d q[i] + m                                q in 0 … 15
struct BlockQ4_1 {
  Float16 d, m;
  uint8_t qs[16];  // as in Q4_0
};

// x[i] = d (q[i] - 16)                             q in 0 … 31
struct BlockQ5_0 {
  Float16 d;
  uint8_t qh[4];   // bit i of the 32-bit number is bit 4 of q[i]
  uint8_t qs[16];  // qs[j] = | q[j+16]:4 | q[j]:4 |, the low four bits
};

// x[i] = d q[i] + m                                q in 0 … 31
struct BlockQ5_1 {
  Float16 d, m;
  uint8_t qh[4], qs[16];  // as in Q5_0
};

// x[i] = d q[i]                                    q in -127 … 127 when written here; -128 is read as such
struct BlockQ8_0 {
  Float16 d;
  int8_t qs[32];
};

// x[i] = d s[i/16] q[i] - dmin m[i/16]             q in 0 … 3, s and m in 0 … 15
struct BlockQ2_K {
  uint8_t scales[16];  // scales[p] = | m[p]:4 | s[p]:4 |
  // Each half of 128 values has 32 bytes; byte l of half h holds four values that are 32 apart:
  // qs[32h+l] = | q[a+96]:2 | q[a+64]:2 | q[a+32]:2 | q[a]:2 |, a = 128h + l
  uint8_t qs[64];
  Float16 d, dmin;
};

// x[i] = d (s[i/16] - 32) (q[i] - 4)               q in 0 … 7, s in 0 … 63
struct BlockQ3_K {
  uint8_t hmask[32];  // bit k of hmask[l] is bit 2 of q[32k + l]
  uint8_t qs[64];     // the low two bits, as in Q2_K
  // s[p], p = 0 … 15, six bits each: four low bits in the first eight bytes, two high bits in the last four.
  //   scales[j]     = | s[j+8] low:4 | s[j] low:4 |                                           j = 0 … 7
  //   scales[8 + k] = | s[k+12] high:2 | s[k+8] high:2 | s[k+4] high:2 | s[k] high:2 |        k = 0 … 3
  uint8_t scales[12];
  Float16 d;
};

// x[i] = d s[i/32] q[i] - dmin m[i/32]             q in 0 … 15, s and m in 0 … 63
struct BlockQ4_K {
  Float16 d, dmin;
  // s[p] and m[p], p = 0 … 7, six bits each:                                                  j = 0 … 3
  //   scales[j]     = | s[j+4] high:2 | s[j]:6 |
  //   scales[4 + j] = | m[j+4] high:2 | m[j]:6 |
  //   scales[8 + j] = | m[j+4] low:4  | s[j+4] low:4 |
  uint8_t scales[12];
  uint8_t qs[128];  // qs[32k+l] = | q[64k+32+l]:4 | q[64k+l]:4 |, k = 0 … 3, l = 0 … 31
};

// x[i] = d s[i/32] q[i] - dmin m[i/32]             q in 0 … 31, s and m in 0 … 63
struct BlockQ5_K {
  Float16 d, dmin;
  uint8_t scales[12];  // as in Q4_K
  uint8_t qh[32];      // bit k of qh[l] is bit 4 of q[32k + l]
  uint8_t qs[128];     // the low four bits, as in Q4_K
};

// x[i] = d s[i/16] (q[i] - 32)                     q in 0 … 63, s in -128 … 127
struct BlockQ6_K {
  uint8_t ql[128];    // the low four bits: ql[64h+l] = | q[128h+64+l]:4 | q[128h+l]:4 |, h = 0, 1, l = 0 … 63
  uint8_t qh[64];     // the high two bits, placed as in Q2_K
  int8_t scales[16];  // s
  Float16 d;
};

// x[i] = d q[i]. For products with the K formats; never in a file.
struct BlockQ8_K {
  float d;
  int8_t qs[256];
  int16_t bsums[16];  // sums of sixteen consecutive q
};

// The sixteen levels of the IQ4 formats: dense near zero, where most weights are.
inline constexpr std::array<int8_t, 16> kIQ4Levels = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                      1,    13,   25,  38,  53,  69,  89,  113};

// x[i] = d level[q[i]]
struct BlockIQ4_NL {
  Float16 d;
  uint8_t qs[16];  // as in Q4_0
};

// x[i] = d (s[i/32] - 32) level[q[i]]              s in 0 … 63
struct BlockIQ4_XS {
  Float16 d;
  uint16_t scales_h;    // bits 2p and 2p+1 are the high two bits of s[p]
  uint8_t scales_l[4];  // scales_l[k] = | s[2k+1] low:4 | s[2k] low:4 |
  uint8_t qs[128];      // qs[16p+l] = | q[32p+16+l]:4 | q[32p+l]:4 |, p = 0 … 7, l = 0 … 15
};

// kDTypeOfBlock<BlockQ4_0> is DType::kQ4_0, and so on.
template <typename Block>
inline constexpr DType kDTypeOfBlock = [] {
  static_assert(sizeof(Block) == 0, "not a block");
  return DType::kF32;
}();
template <>
inline constexpr DType kDTypeOfBlock<BlockQ4_0> = DType::kQ4_0;
template <>
inline constexpr DType kDTypeOfBlock<BlockQ4_1> = DType::kQ4_1;
template <>
inline constexpr DType kDTypeOfBlock<BlockQ5_0> = DType::kQ5_0;
template <>
inline constexpr DType kDTypeOfBlock<BlockQ5_1> = DType::kQ5_1;
template <>
inline constexpr DType kDTypeOfBlock<BlockQ8_0> = DType::kQ8_0;
template <>
inline constexpr DType kDTypeOfBlock<BlockQ2_K> = DType::kQ2_K;
template <>
inline constexpr DType kDTypeOfBlock<BlockQ3_K> = DType::kQ3_K;
template <>
inline constexpr DType kDTypeOfBlock<BlockQ4_K> = DType::kQ4_K;
template <>
inline constexpr DType kDTypeOfBlock<BlockQ5_K> = DType::kQ5_K;
template <>
inline constexpr DType kDTypeOfBlock<BlockQ6_K> = DType::kQ6_K;
template <>
inline constexpr DType kDTypeOfBlock<BlockQ8_K> = DType::kQ8_K;
template <>
inline constexpr DType kDTypeOfBlock<BlockIQ4_NL> = DType::kIQ4_NL;
template <>
inline constexpr DType kDTypeOfBlock<BlockIQ4_XS> = DType::kIQ4_XS;

// s and m of part p (0 … 7) of a Q4_K or Q5_K block.
struct ScaleAndMin {
  int scale, min;
};
inline ScaleAndMin GetScaleAndMin(const uint8_t* scales, int p) {
  if (p < 4) return {scales[p] & 63, scales[p + 4] & 63};
  return {(scales[p + 4] & 15) | (scales[p - 4] >> 6 << 4), (scales[p + 4] >> 4) | (scales[p] >> 6 << 4)};
}

// s of part p (0 … 15) of a Q3_K block, with its 32 taken off.
inline int GetScale(const BlockQ3_K& block, int p) {
  const int low = block.scales[p % 8] >> (p / 8 * 4) & 15, high = block.scales[8 + p % 4] >> (p / 4 * 2) & 3;
  return (low | high << 4) - 32;
}

static_assert(sizeof(BlockQ4_0) == 18 && sizeof(BlockQ4_1) == 20 && sizeof(BlockQ5_0) == 22);
static_assert(sizeof(BlockQ5_1) == 24 && sizeof(BlockQ8_0) == 34 && sizeof(BlockQ2_K) == 84);
static_assert(sizeof(BlockQ3_K) == 110 && sizeof(BlockQ4_K) == 144 && sizeof(BlockQ5_K) == 176);
static_assert(sizeof(BlockQ6_K) == 210 && sizeof(BlockQ8_K) == 292);
static_assert(sizeof(BlockIQ4_NL) == 18 && sizeof(BlockIQ4_XS) == 136);

// body(Block{}) with the block type of a format that integer products know. Throws Error for another.
template <typename Body>
auto WithIntegerBlock(DType dtype, Body&& body) {
  switch (dtype) {
    case DType::kQ4_0:
      return body(BlockQ4_0{});
    case DType::kQ4_1:
      return body(BlockQ4_1{});
    case DType::kQ5_0:
      return body(BlockQ5_0{});
    case DType::kQ5_1:
      return body(BlockQ5_1{});
    case DType::kQ8_0:
      return body(BlockQ8_0{});
    case DType::kQ2_K:
      return body(BlockQ2_K{});
    case DType::kQ3_K:
      return body(BlockQ3_K{});
    case DType::kQ4_K:
      return body(BlockQ4_K{});
    case DType::kQ5_K:
      return body(BlockQ5_K{});
    case DType::kQ6_K:
      return body(BlockQ6_K{});
    case DType::kIQ4_NL:
      return body(BlockIQ4_NL{});
    case DType::kIQ4_XS:
      return body(BlockIQ4_XS{});
    default:
      Fail("packed weight: {} has no integer panels", Name(dtype));
  }
}

}  // namespace tessera::kernels
