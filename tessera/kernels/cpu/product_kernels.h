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
// Lines of memory that are wanted later: a loop asks for `lines` of them in each unit.
struct MicroAhead {
  const std::byte* next = nullptr;
  int lines = 0;
};
struct MicroArgs {
  int64_t units = 0;
  const void* x = nullptr;
  int64_t y_stride = 0;  // in values
  bool first = true;     // start from zero; else add to y
  std::array<MicroPanel, 2> panels;
  MicroAhead ahead;          // of integer products
  int64_t stream_ahead = 0;  // bytes from what is read of a stored panel to what is asked for; 0: nothing is
};
using MicroKernel = void (*)(const MicroArgs&);

// An XBlock of R rows: q int8 [R][32], scale f32 [R], its exponent f32 [R], and then what the format needs of the sums
// of q:
//   int32 [parts][R]   -centre · Σ q over the part, what the sum of c · q starts from
//   pairs [R]          with minimums besides: two bf16, scale · Σ q over each of two parts, its own where it has two,
//                      else of an even block and the next, in the even one
// where the processor has dot products of pairs of bf16; elsewhere, with minimums
//   f32 [parts][R]     scale · Σ q over the part
// A row's x is scale · q. The scale is the least quarter power of two, 2^(k/4), by which values become integers of at
// most 127, and NaN if the block holds an infinity or NaN. The exponent is ⌊k/4⌋ + 1/2, for processors that scale by
// powers of two beside their multipliers.
inline constexpr int64_t kXSumsOffset = 40;  // of a row
constexpr int64_t XPairsOffset(const PanelFormat& format) { return kXSumsOffset + 4 * format.parts; }
constexpr int64_t XBlockBytes(const PanelFormat& format) { return XPairsOffset(format) + (format.minimum ? 4 : 0); }

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
// 2^(i/4), to within 2^-16, with i in bits 6 and 7. A tile has its scales times 2^(i/4) 64 i bytes further:
// QuarterBytes reads that off the scale of a block of x.
inline constexpr std::array<float, 4> kQuarterPowers = {
    1.0f, std::bit_cast<float>(0x3f983770u), std::bit_cast<float>(0x3fb504b3u), std::bit_cast<float>(0x3fd744fdu)};
constexpr uint32_t QuarterBytes(float scale) { return std::bit_cast<uint32_t>(scale) & 192; }
inline constexpr std::array<float, 4> kInversePowers = {1.0f, 1 / kQuarterPowers[1], 1 / kQuarterPowers[2],
                                                        1 / kQuarterPowers[3]};
// Codes up to which a scale that is one, two or three quarter steps less does: 127.48 times 2^(-i/4).
inline constexpr std::array<float, 3> kMostCodes = {107.2f, 90.14f, 75.8f};

inline BlockScale ScaleOfBlock(float largest) {
  if (!(largest < INFINITY)) return {NAN, 0};
  if (largest < 1e-30f) return {0, 0};
  // largest / 2^e is above 63.5 and at most 127.5: e + 1 where it would be more is the carry out of the mantissa's
  // upper seven bits. Up to three quarter steps less do where no code becomes 128.
  const int biased = static_cast<int>((std::bit_cast<uint32_t>(largest) + 0x10000u) >> 23) - 6;
  const float scale = std::bit_cast<float>(biased << 23), inverse = std::bit_cast<float>((254 - biased) << 23);
  const float codes = largest * inverse;
  int quarter = 0;  // below the power of two
  for (const float most : kMostCodes) quarter += codes <= most ? 1 : 0;
  if (quarter == 0) return {scale, inverse};
  return {scale * 0.5f * kQuarterPowers[static_cast<size_t>(4 - quarter)],
          inverse * 2 * kInversePowers[static_cast<size_t>(4 - quarter)]};
}

// ⌊log2 scale⌋ + 1/2, whose floor is exact; NaN of NaN. A block of zeros takes any.
inline float ExponentOf(float scale) {
  if (std::isnan(scale)) return scale;
  return static_cast<float>(static_cast<int>(std::bit_cast<uint32_t>(scale) >> 23) - 127) + 0.5f;
}

// What some blocks of x became, beside their codes: scales and exponents, and sums of the first and of the last sixteen
// codes.
struct RoundedBlocks {
  static constexpr int kMost = 8;
  alignas(64) float scale[kMost], exponent[kMost];
  alignas(32) int32_t sums[2][kMost];
};

// A tile's record: codes u8 [8][64], and f32 [parts][4 or 5][16]: a part's scales times 1, 2^(1/4), √2 and 2^(3/4), and
// its minimums if there are any. Minimums that are multiplied as pairs of bf16 are [16][2] in the first part's place;
// of an even block and the next, in the next one's record.
constexpr int64_t TilePartBytes(const PanelFormat& format) { return format.minimum ? 320 : 256; }
constexpr int64_t TileRecordBytes(const PanelFormat& format) { return 512 + TilePartBytes(format) * format.parts; }

// Which of a row's blocks one is: `block` of `all`.
struct XBlockPlace {
  int64_t block = 0, all = 0;
};

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
  // Row r of an XBlock group of R rows: x [32 · blocks] -> its places in the blocks from `at` on, which begin at `out`.
  void (*quantize_row)(const float* x, int64_t blocks, XBlockPlace at, const PanelFormat& format, int row, int rows,
                       uint8_t* out) = nullptr;
  // One XBlock of R rows: x [R][32].
  void (*quantize_group)(const float* x, XBlockPlace at, const PanelFormat& format, int rows, uint8_t* out) = nullptr;
};

// The tables; null where the compiler's target architecture lacks the set.
const FloatKernels& PortableFloatKernels();
const IntegerKernels& PortableIntegerKernels();
#if defined(__x86_64__)
const FloatKernels& Avx2FloatKernels();
const IntegerKernels& Avx2IntegerKernels();
const FloatKernels& Avx512FloatKernels();
const IntegerKernels& Avx512VnniIntegerKernels();
const IntegerKernels& Avx512VnniBf16IntegerKernels();
const Bf16Kernels& Avx512Bf16Kernels();
#endif

// Those of the live instruction set. `bf16` is null where there is no dot product of pairs.
const FloatKernels& LiveFloatKernels();
const IntegerKernels& LiveIntegerKernels();
const Bf16Kernels* LiveBf16Kernels();

}  // namespace tessera::kernels
