#pragma once
// The inner loops of a product, one table an instruction set. Each works on one panel of the weight (sixteen outputs,
// one lane each), or on two at once where registers suffice, and a group of rows of x. Two panels share what is loaded
// of x: a processor that multiplies twice a cycle loads no more than that. Operands lie as the loop reads them:
//
//   x   groups of rows; inside a group of R rows, unit u of all R rows, then unit u + 1.
//       f32: unit = one value [R].   bf16: unit = two values [R][2].   integers: unit = 32 values, an XBlock of R rows.
//   w   float products: [units][16] f32, or [units][16][2] bf16. Integer products: a tile of unpacked records, or the
//       packed panel itself.
//
// Sums of one output run over the units in order, in one f32 accumulator, which passes through y between calls: so
// cutting the units or the rows in other places does not change a bit.

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "tessera/core/dtype.h"
#include "tessera/kernels/panel_layout.h"

namespace tessera::kernels {

struct MicroPanel {
  const void* w = nullptr;
  float* y = nullptr;  // row r at y + r · y_stride
  int columns = kPanelRows;
};
struct MicroArgs {
  int64_t units = 0;
  const void* x = nullptr;
  int64_t y_stride = 0;  // in values
  bool first = true;     // start from zero; else add to y
  std::array<MicroPanel, 2> panels;
};
using MicroKernel = void (*)(const MicroArgs&);

// An XBlock of R rows: q int8 [R][32], scale f32 [R], and then what the format's zero or minimum needs of the sums of
// q:
//   symmetric   int32 [parts][R]: -zero · Σ q over the part, what the sum of c · q starts from
//   minimum     f32 [parts][R]: Σ q over the part
// A row's x is scale · q; the scale is NaN if the block holds an infinity or NaN. It is max |x| / 127 for formats with
// minimums. For symmetric ones it is the least half power of two, 2^(k/2), by which values become integers of at most
// 127, and its exponent ⌊k/2⌋ + 1/2 follows, f32 [R], for processors that scale by powers of two beside their
// multipliers.
constexpr bool ScalesByHalfPowers(const PanelFormat& format) { return !format.minimum; }
constexpr int64_t XSumsOffset(const PanelFormat& format) { return ScalesByHalfPowers(format) ? 40 : 36; }  // of a row
constexpr int64_t XBlockBytes(const PanelFormat& format) { return XSumsOffset(format) + 4 * format.parts; }

template <typename T>
inline T ReadAs(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

// The scale of a block of x, and 1 / scale.
struct BlockScale {
  float scale, inverse;  // zeros for a block whose values are all so small that nothing is lost by taking them as zero;
                         // NaN and zero for one that holds an infinity or NaN
};
inline constexpr float kRootOfTwo = 1.41421356f;
inline BlockScale ScaleOfBlock(float largest, bool half_powers) {
  if (!(largest < INFINITY)) return {NAN, 0};
  if (largest < 1e-30f) return {0, 0};
  if (!half_powers) return {largest / 127.0f, 127.0f / largest};
  // largest / 2^e is above 63.5 and at most 127.5: e + 1 where it would be more is the carry out of the mantissa's
  // upper seven bits. Up to 90 = 127 / √2 the next smaller scale does.
  const int biased = static_cast<int>((std::bit_cast<uint32_t>(largest) + 0x10000u) >> 23) - 6;
  const float scale = std::bit_cast<float>(biased << 23), inverse = std::bit_cast<float>((254 - biased) << 23);
  if (largest * inverse > 90) return {scale, inverse};
  return {scale * (kRootOfTwo / 2), inverse * kRootOfTwo};
}

// A tile's record: codes u8 [8][64], and f32 [parts][2][16]: a part's scales, and its minimums if there are any; else
// the scales again, times √2.
constexpr int64_t TileRecordBytes(const PanelFormat& format) { return 512 + 128 * format.parts; }

inline constexpr int kMostRows = 16;        // of any table below
inline constexpr int kMostDirectRows = 12;  // rows for which unpacking in registers beats a tile

struct FloatKernels {
  int max_rows = 0;
  std::array<MicroKernel, kMostRows> multiply{};       // [R - 1]
  std::array<MicroKernel, kMostRows> multiply_pair{};  // of two panels; null if there are none
  void (*widen_bf16)(const uint16_t* pairs, int64_t count, float* out) = nullptr;  // bf16 panel -> f32 panel, K = count
  void (*widen_f16)(const uint16_t* values, int64_t count, float* out) = nullptr;  // any `count` values
};

struct Bf16Kernels {
  int max_rows = 0;
  std::array<MicroKernel, kMostRows> multiply{}, multiply_pair{};
  void (*narrow)(const float* values, int64_t count, uint16_t* out) = nullptr;  // to nearest even; subnormals to zero
};

struct IntegerFormatKernels {
  std::array<MicroKernel, kMostRows> multiply_tile{};
  std::array<MicroKernel, kMostRows> multiply_tile_pair{};     // null beyond pair_rows
  std::array<MicroKernel, kMostDirectRows> multiply_packed{};  // null beyond max_rows
  // records begin … of a packed panel (its pointer at the first, or at its header) -> tile
  void (*unpack)(const uint8_t* packed, int64_t records, uint8_t* tile) = nullptr;
};

struct IntegerKernels {
  int max_rows = 0;
  int pair_rows = 0;  // of a group that is multiplied with two panels; 0 if there are no such loops
  std::array<IntegerFormatKernels, kDTypeCount> formats{};
  // Row r of an XBlock group of R rows: x [32 · blocks] -> its places in blocks 0, 1, …
  void (*quantize)(const float* x, int64_t blocks, const PanelFormat& format, int row, int rows,
                   uint8_t* out) = nullptr;
};

// The tables; null where the compiler's target architecture lacks the set.
const FloatKernels& PortableFloatKernels();
const IntegerKernels& PortableIntegerKernels();
#if defined(__x86_64__)
const FloatKernels& Avx2FloatKernels();
const IntegerKernels& Avx2IntegerKernels();
const FloatKernels& Avx512FloatKernels();
const IntegerKernels& Avx512VnniIntegerKernels();
const Bf16Kernels& Avx512Bf16Kernels();
#endif

// Those of the live instruction set. `bf16` is null where there is no dot product of pairs.
const FloatKernels& LiveFloatKernels();
const IntegerKernels& LiveIntegerKernels();
const Bf16Kernels* LiveBf16Kernels();

}  // namespace tessera::kernels
