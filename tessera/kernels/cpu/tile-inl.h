// Small dense tiles: the vocabulary in which attention is written. This file has the views and the products, the only
// ones that know about registers; `tile_rows-inl.h` moves and transposes rows, `softmax-inl.h` has the exponentials.
//
//   a    Tile<T>     left operand and result: rows of numbers, one after the other
//   b    Panel<T>    right operand: the summed axis in steps of one 32-bit word, columns in lanes
//   T    float, one number a word; or BFloat16, two neighbours of the summed axis a word (AVX-512 BF16 only)
//
// Included once an instruction set (see hwy/foreach_target.h), hence no #pragma once. The number of columns of B and C
// is a multiple of kColumnStep. Every element of a product is one chain of fused multiply-adds over the depth, whatever
// the number of rows and columns: that is what makes a row's bits independent of its company.
#if defined(TESSERA_KERNELS_CPU_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_KERNELS_CPU_TILE_INL_H_
#undef TESSERA_KERNELS_CPU_TILE_INL_H_
#else
#define TESSERA_KERNELS_CPU_TILE_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "tessera/core/dtype.h"

// AVX3 with the instructions of AVX-512 BF16, for text that uses them only for BFloat16 operands, which `Narrow` in
// attention_work.h allows only where the processor has them. No compiler emits them for anything but its own __bf16.
#undef TESSERA_BEFORE_TILES
#undef TESSERA_AFTER_TILES
#if HWY_TARGET == HWY_AVX3
#include <immintrin.h>
#define TESSERA_BEFORE_TILES() HWY_PUSH_ATTRIBUTES(HWY_TARGET_STR ",avx512bf16")
#define TESSERA_AFTER_TILES() HWY_POP_ATTRIBUTES
#else
#define TESSERA_BEFORE_TILES() HWY_BEFORE_NAMESPACE()
#define TESSERA_AFTER_TILES() HWY_AFTER_NAMESPACE()
#endif

TESSERA_BEFORE_TILES();
namespace tessera::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Vector = hn::Vec<Floats>;

constexpr size_t kColumnStep = 16;  // the lanes of the widest set
constexpr size_t kLanes = hn::MaxLanes(Floats());
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr bool kHasBf16Products = HWY_TARGET == HWY_AVX3;

// Rows and vectors of C that stay in registers: 24 + 4 + 1 of AVX-512's 32, 12 + 2 + 1 of AVX2's 16.
constexpr size_t kRowGroup = kLanes == 1 ? 4 : 6;
constexpr size_t kBlockVectors = kLanes == 8 ? 2 : 4;
// Rows so few that the processor waits for their operand from memory, and does not care how many sums it has.
constexpr size_t kWaitingRows = kLanes == 16 ? 1 : 0;
// Rows beside a narrower block: as many sums again, since fewer would wait for one another.
template <size_t kVectors>
constexpr size_t kGroupRows = kLanes == 16 ? std::min<size_t>(kRowGroup* kBlockVectors / kVectors, 12) : kRowGroup;

// rows x cols numbers at data[r · stride + c]. A view; owns nothing.
template <typename T>
struct Tile {
  T* data;
  size_t rows, cols;
  size_t stride;

  T* Row(size_t r) const { return data + r * stride; }
  Tile Rows(size_t begin, size_t n) const { return {Row(begin), n, cols, stride}; }
  Tile Cols(size_t begin, size_t n) const { return {data + begin, rows, n, stride}; }
  operator Tile<const T>() const { return {data, rows, cols, stride}; }
};

template <typename T>
constexpr size_t kPerWord = sizeof(float) / sizeof(T);

// depth x cols numbers: number (p, c) is p % kPerWord of word c of step p / kPerWord. Steps are `stride` words apart.
// In f32 this is a plain row-major matrix. A view; owns nothing.
template <typename T>
struct Panel {
  T* data;
  size_t depth, cols;
  size_t stride;
  bool half_last = false;  // nobody needs the last eight columns: MulAdd may leave theirs alone

  size_t steps() const { return (depth + kPerWord<T> - 1) / kPerWord<T>; }
  // Words c … c + kLanes - 1 of step u.
  HWY_INLINE Vector Load(size_t u, size_t c) const {
    return hn::LoadU(Floats(), reinterpret_cast<const float*>(data) + u * stride + c);
  }
  T* Step(size_t u) const { return data + u * stride * kPerWord<T>; }
  T& At(size_t p, size_t c) const { return Step(p / kPerWord<T>)[c * kPerWord<T> + p % kPerWord<T>]; }
  Panel Depth(size_t n) const { return {data, n, cols, stride, half_last}; }
  Panel Cols(size_t n) const { return {data, depth, n, stride}; }  // the first n
  operator Panel<const T>() const { return {data, depth, cols, stride, half_last}; }
};

// sum + the products of the word at `a` with each word of b.
HWY_INLINE Vector AddProducts(const float* a, Vector b, Vector sum) {
  return hn::MulAdd(hn::Set(Floats(), *a), b, sum);
}
#if HWY_TARGET == HWY_AVX3
HWY_INLINE Vector AddProducts(const BFloat16* a, Vector b, Vector sum) {
  float pair;
  std::memcpy(&pair, a, sizeof(pair));
  return Vector{
      _mm512_dpbf16_ps(sum.raw, reinterpret_cast<__m512bh>(b.raw), reinterpret_cast<__m512bh>(_mm512_set1_ps(pair)))};
}

// The same of eight words: half the work for processors that multiply sixteen in two steps.
HWY_INLINE __m256 AddHalf(const float* a, Vector b, __m256 sum) {
  return _mm256_fmadd_ps(_mm512_castps512_ps256(_mm512_set1_ps(*a)), _mm512_castps512_ps256(b.raw), sum);
}
HWY_INLINE __m256 AddHalf(const BFloat16* a, Vector b, __m256 sum) {
  float pair;
  std::memcpy(&pair, a, sizeof(pair));
  return _mm256_dpbf16_ps(sum, reinterpret_cast<__m256bh>(_mm512_castps512_ps256(b.raw)),
                          reinterpret_cast<__m256bh>(_mm512_castps512_ps256(_mm512_set1_ps(pair))));
}
#endif

// kR rows by kN vectors of C = A B (or C += A B), from column j of B on; of the last vector only one half with kHalf. B
// is a Panel, or anything else that has `cols`, steps() and Load(u, c): operands that are converted in registers.
// Ahead(u, c, n, waits), if it has that, asks for later words.
template <size_t kR, size_t kN, bool kAdd, bool kHalf, typename T, class B>
HWY_INLINE void Block(const T* HWY_RESTRICT a, size_t a_stride, const B& b, size_t j, float* HWY_RESTRICT c,
                      size_t c_stride) {
  const Floats df;
  constexpr size_t kWhole = kN - (kHalf ? 1 : 0), kSums = kWhole > 0 ? kWhole : 1;
  Vector sum[kR][kSums];
#pragma GCC unroll 12
  for (size_t r = 0; r < kR; ++r) {
#pragma GCC unroll 8
    for (size_t n = 0; n < kWhole; ++n) sum[r][n] = kAdd ? hn::LoadU(df, c + r * c_stride + n * kLanes) : hn::Zero(df);
  }
#if HWY_TARGET == HWY_AVX3
  __m256 half[kR];
  if constexpr (kHalf) {
#pragma GCC unroll 12
    for (size_t r = 0; r < kR; ++r) half[r] = _mm256_loadu_ps(c + r * c_stride + kWhole * kLanes);
  }
#endif
  for (size_t u = 0, steps = b.steps(); u < steps; ++u, a += kPerWord<T>) {
    if constexpr (requires { b.Ahead(u, j, kN * kLanes, true); }) b.Ahead(u, j, kN * kLanes, kR <= kWaitingRows);
    Vector row[kN];
#pragma GCC unroll 8
    for (size_t n = 0; n < kN; ++n) row[n] = b.Load(u, j + n * kLanes);
#pragma GCC unroll 12
    for (size_t r = 0; r < kR; ++r) {
#pragma GCC unroll 8
      for (size_t n = 0; n < kWhole; ++n) sum[r][n] = AddProducts(a + r * a_stride, row[n], sum[r][n]);
#if HWY_TARGET == HWY_AVX3
      if constexpr (kHalf) half[r] = AddHalf(a + r * a_stride, row[kWhole], half[r]);
#endif
    }
  }
#pragma GCC unroll 12
  for (size_t r = 0; r < kR; ++r) {
#pragma GCC unroll 8
    for (size_t n = 0; n < kWhole; ++n) hn::StoreU(sum[r][n], df, c + r * c_stride + n * kLanes);
#if HWY_TARGET == HWY_AVX3
    if constexpr (kHalf) _mm256_storeu_ps(c + r * c_stride + kWhole * kLanes, half[r]);
#endif
  }
}

// The same for the last rows of A, fewer than kR.
template <size_t kR, size_t kN, bool kAdd, bool kHalf, typename T, class B>
HWY_INLINE void LastRows(Tile<const T> a, const B& b, size_t j, float* c, size_t c_stride) {
  if constexpr (kR > 1) {
    if (a.rows == kR - 1) return Block<kR - 1, kN, kAdd, kHalf>(a.data, a.stride, b, j, c, c_stride);
    LastRows<kR - 1, kN, kAdd, kHalf>(a, b, j, c, c_stride);
  }
}

template <size_t kN, bool kAdd, bool kHalf, typename T, class B>
void BlockRows(Tile<const T> a, const B& b, size_t j, float* c, size_t c_stride) {
  constexpr size_t kGroup = kGroupRows<kN>;
  size_t r = 0;
  for (; r + kGroup <= a.rows; r += kGroup)
    Block<kGroup, kN, kAdd, kHalf>(a.Row(r), a.stride, b, j, c + r * c_stride, c_stride);
  LastRows<kGroup, kN, kAdd, kHalf>(a.Rows(r, a.rows - r), b, j, c + r * c_stride, c_stride);
}

// Blocks of kBlockVectors; a single vector at the end goes with one of them as three and two: one alone waits for
// loads.
template <bool kAdd, typename T, class B>
void Product(Tile<const T> a, const B& b, Tile<float> c) {
  size_t j = 0;
  const auto block = [&]<size_t kN>(std::integral_constant<size_t, kN>) {
    const size_t from = std::exchange(j, j + kN * kLanes);
    if constexpr (kAdd && HWY_TARGET == HWY_AVX3 && requires { b.half_last; }) {
      if (b.half_last && j == b.cols) return BlockRows<kN, kAdd, true>(a, b, from, c.data + from, c.stride);
    }
    BlockRows<kN, kAdd, false>(a, b, from, c.data + from, c.stride);
  };
  const auto left = [&] { return (b.cols - j) / kLanes; };
  if constexpr (kWaitingRows > 0 && requires { b.ahead; }) {  // as they lie in memory, not one half and then the other
    while (a.rows <= kWaitingRows && left() >= 2 * kBlockVectors)
      block(std::integral_constant<size_t, 2 * kBlockVectors>());
  }
  while (left() >= kBlockVectors && !(kBlockVectors == 4 && left() == 5))
    block(std::integral_constant<size_t, kBlockVectors>());
  if constexpr (kBlockVectors * kLanes > kColumnStep) {
    if (left() == 3 || left() == 5) block(std::integral_constant<size_t, 3>());
    if (left() == 2) block(std::integral_constant<size_t, 2>());
    if (left() == 1) block(std::integral_constant<size_t, 1>());
  }
}

// C = A B and C += A B.        A [m, k] (rows may be longer: B's k counts), B [k, n], C [m, n]
template <typename T, class B>
void Mul(Tile<const T> a, const B& b, Tile<float> c) {
  Product<false>(a, b, c);
}
template <typename T, class B>
void MulAdd(Tile<const T> a, const B& b, Tile<float> c) {
  Product<true>(a, b, c);
}

}  // namespace tessera::kernels::HWY_NAMESPACE
TESSERA_AFTER_TILES();

#endif  // include guard of the instruction set
