// Small dense tiles: the vocabulary in which attention is written, and the only file that knows about its lanes.
//
// Included once an instruction set (see hwy/foreach_target.h), hence no #pragma once. Columns run in lanes: the number
// of columns of B and C is a multiple of kColumnStep, and their rows have room for it. Every element of a product is
// one chain of fused multiply-adds over the depth, whatever the number of rows: that is what makes a row's bits
// independent of its company.
#if defined(TESSERA_KERNELS_CPU_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_KERNELS_CPU_TILE_INL_H_
#undef TESSERA_KERNELS_CPU_TILE_INL_H_
#else
#define TESSERA_KERNELS_CPU_TILE_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <cstdint>
#include <cstring>
#include <limits>

#include "tessera/core/dtype.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Vector = hn::Vec<Floats>;

constexpr size_t kColumnStep = 16;  // the lanes of the widest set
constexpr size_t kLanes = hn::MaxLanes(Floats());
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Rows and vectors of C that stay in registers: 24 + 4 + 1 of AVX-512's 32, 12 + 2 + 1 of AVX2's 16.
constexpr size_t kRowGroup = kLanes == 1 ? 4 : 6;
constexpr size_t kPanelVectors = kLanes == 8 ? 2 : 4;

// rows x cols numbers at data[r · row_stride + c · col_stride]. A view; owns nothing.
template <typename T>
struct Tile {
  T* data;
  size_t rows, cols;
  size_t row_stride;
  size_t col_stride = 1;

  T* Row(size_t r) const { return data + r * row_stride; }
  Tile Rows(size_t begin, size_t n) const { return {Row(begin), n, cols, row_stride, col_stride}; }
  Tile Cols(size_t begin, size_t n) const { return {data + begin * col_stride, rows, n, row_stride, col_stride}; }
  operator Tile<const T>() const { return {data, rows, cols, row_stride, col_stride}; }
};

// Aᵀ, without moving anything.
template <typename T>
Tile<T> Transposed(Tile<T> a) {
  return {a.data, a.cols, a.rows, a.col_stride, a.row_stride};
}

// kR rows by kN vectors of C = A B (or C += A B).
template <size_t kR, size_t kN, bool kAdd>
HWY_INLINE void Panel(Tile<const float> a, const float* HWY_RESTRICT b, size_t b_stride, float* HWY_RESTRICT c,
                      size_t c_stride) {
  const Floats df;
  Vector sum[kR][kN];
#pragma GCC unroll 8
  for (size_t r = 0; r < kR; ++r) {
#pragma GCC unroll 4
    for (size_t n = 0; n < kN; ++n) sum[r][n] = kAdd ? hn::LoadU(df, c + r * c_stride + n * kLanes) : hn::Zero(df);
  }
  const float* HWY_RESTRICT a_column = a.data;
  for (size_t p = 0; p < a.cols; ++p, a_column += a.col_stride, b += b_stride) {
    Vector row[kN];
#pragma GCC unroll 4
    for (size_t n = 0; n < kN; ++n) row[n] = hn::LoadU(df, b + n * kLanes);
#pragma GCC unroll 8
    for (size_t r = 0; r < kR; ++r) {
      const Vector factor = hn::Set(df, a_column[r * a.row_stride]);
#pragma GCC unroll 4
      for (size_t n = 0; n < kN; ++n) sum[r][n] = hn::MulAdd(factor, row[n], sum[r][n]);
    }
  }
#pragma GCC unroll 8
  for (size_t r = 0; r < kR; ++r) {
#pragma GCC unroll 4
    for (size_t n = 0; n < kN; ++n) hn::StoreU(sum[r][n], df, c + r * c_stride + n * kLanes);
  }
}

template <size_t kN, bool kAdd>
void PanelRows(Tile<const float> a, const float* b, size_t b_stride, float* c, size_t c_stride) {
  size_t r = 0;
  for (; r + kRowGroup <= a.rows; r += kRowGroup)
    Panel<kRowGroup, kN, kAdd>(a.Rows(r, kRowGroup), b, b_stride, c + r * c_stride, c_stride);
  switch (a.rows - r) {
    case 5:
      return Panel<5, kN, kAdd>(a.Rows(r, 5), b, b_stride, c + r * c_stride, c_stride);
    case 4:
      return Panel<4, kN, kAdd>(a.Rows(r, 4), b, b_stride, c + r * c_stride, c_stride);
    case 3:
      return Panel<3, kN, kAdd>(a.Rows(r, 3), b, b_stride, c + r * c_stride, c_stride);
    case 2:
      return Panel<2, kN, kAdd>(a.Rows(r, 2), b, b_stride, c + r * c_stride, c_stride);
    case 1:
      return Panel<1, kN, kAdd>(a.Rows(r, 1), b, b_stride, c + r * c_stride, c_stride);
    default:
      return;
  }
}

template <bool kAdd>
void Product(Tile<const float> a, Tile<const float> b, Tile<float> c) {
  size_t j = 0;
  for (; j + kPanelVectors * kLanes <= c.cols; j += kPanelVectors * kLanes)
    PanelRows<kPanelVectors, kAdd>(a, b.data + j, b.row_stride, c.data + j, c.row_stride);
  if constexpr (kPanelVectors * kLanes > kColumnStep) {
    switch ((c.cols - j) / kLanes) {
      case 3:
        return PanelRows<3, kAdd>(a, b.data + j, b.row_stride, c.data + j, c.row_stride);
      case 2:
        return PanelRows<2, kAdd>(a, b.data + j, b.row_stride, c.data + j, c.row_stride);
      case 1:
        return PanelRows<1, kAdd>(a, b.data + j, b.row_stride, c.data + j, c.row_stride);
      default:
        return;
    }
  }
}

// C = A B and C += A B.        A [m, k] (may be a transpose), B [k, n], C [m, n]
inline void Mul(Tile<const float> a, Tile<const float> b, Tile<float> c) { Product<false>(a, b, c); }
inline void MulAdd(Tile<const float> a, Tile<const float> b, Tile<float> c) { Product<true>(a, b, c); }

// Row r of C += the columns lo[r] … hi[r] - 1 of row r of A times those rows of B. The others are not read, so that
// whatever a mask hides, NaN included, contributes exactly nothing.
inline void MulAddRanges(Tile<const float> a, const size_t* lo, const size_t* hi, Tile<const float> b, Tile<float> c) {
  size_t begin = 0, end = a.cols;  // what all rows have in common
  for (size_t r = 0; r < a.rows; ++r) {
    begin = lo[r] > begin ? lo[r] : begin;
    end = hi[r] < end ? hi[r] : end;
  }
  if (end < begin) end = begin;
  const auto part = [&](size_t r, size_t rows, size_t from, size_t to) HWY_ATTR {
    if (from < to) MulAdd(a.Rows(r, rows).Cols(from, to - from), b.Rows(from, to - from), c.Rows(r, rows));
  };
  for (size_t r = 0; r < a.rows; ++r) part(r, 1, lo[r], hi[r] < begin ? hi[r] : begin);
  part(0, a.rows, begin, end);
  for (size_t r = 0; r < a.rows; ++r) part(r, 1, lo[r] > end ? lo[r] : end, hi[r]);
}

// c += Σ_p a[p] · (row index[p] of B), p in order: the same chain as MulAdd's, for rows that lie apart.
inline void MulAddPicked(const float* a, const int64_t* index, size_t count, Tile<const float> b, float* c) {
  const Floats df;
  for (size_t j = 0; j < b.cols; j += kLanes) {
    Vector sum = hn::LoadU(df, c + j);
    for (size_t p = 0; p < count; ++p)
      sum = hn::MulAdd(hn::Set(df, a[p]), hn::LoadU(df, b.Row(static_cast<size_t>(index[p])) + j), sum);
    hn::StoreU(sum, df, c + j);
  }
}

// eˣ to 1.5 units in the last place where it is a normal number, 0 below, NaN for NaN; x <= 88.
//   n = round(x / ln 2),  r = x - n ln 2 (ln 2 in two parts),  eʳ ≈ 1 + r + r² q(r) with q of least relative error
HWY_INLINE Vector Exp(Vector x) {
  const Floats df;
  const auto n = hn::NearestInt(hn::Mul(x, hn::Set(df, 1.44269504088896341f)));
  const Vector whole = hn::ConvertTo(df, n);
  Vector r = hn::NegMulAdd(whole, hn::Set(df, 0.693145751953125f), x);
  r = hn::NegMulAdd(whole, hn::Set(df, 1.42860682030941723212e-6f), r);
  Vector q = hn::Set(df, 1.38145976e-3f);
  q = hn::MulAdd(q, r, hn::Set(df, 8.36871658e-3f));
  q = hn::MulAdd(q, r, hn::Set(df, 4.16683890e-2f));
  q = hn::MulAdd(q, r, hn::Set(df, 0.16666521132f));
  q = hn::MulAdd(q, r, hn::Set(df, 0.49999994040f));
  const Vector mantissa = hn::Add(hn::MulAdd(hn::Mul(r, r), q, r), hn::Set(df, 1.0f));
  const hn::RebindToSigned<Floats> di;
  const Vector power = hn::BitCast(df, hn::ShiftLeft<23>(hn::Add(n, hn::Set(di, 127))));
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(df, -87.3f)), hn::Mul(mantissa, power));
}

inline void Clear(float* x, size_t n) {
  if (n > 0) std::memset(x, 0, n * sizeof(float));
}

// x <- x · factor, n a multiple of kColumnStep.
inline void ScaleRow(float factor, float* x, size_t n) {
  const Floats df;
  for (size_t j = 0; j < n; j += kLanes) hn::StoreU(hn::Mul(hn::LoadU(df, x + j), hn::Set(df, factor)), df, x + j);
}

// sum <- a · sum + b · x, n a multiple of kColumnStep.
inline void MixRows(float a, float* sum, float b, const float* x, size_t n) {
  const Floats df;
  for (size_t j = 0; j < n; j += kLanes) {
    const Vector term = hn::Mul(hn::LoadU(df, x + j), hn::Set(df, b));
    hn::StoreU(hn::MulAdd(hn::LoadU(df, sum + j), hn::Set(df, a), term), df, sum + j);
  }
}

inline float DotRow(const float* a, const float* b, size_t n) {
  const Floats df;
  Vector sum = hn::Zero(df);
  for (size_t j = 0; j < n; j += kLanes) sum = hn::MulAdd(hn::LoadU(df, a + j), hn::LoadU(df, b + j), sum);
  return hn::GetLane(hn::SumOfLanes(df, sum));
}

// x[j] <- softcap · tanh(scale · x[j] / softcap), or scale · x[j] if there is no cap, for lo <= j < hi; -inf elsewhere.
// n is a multiple of kColumnStep. Returns the largest.
template <bool kCapped>
HWY_INLINE float ScaleAndMask(float* x, size_t n, size_t lo, size_t hi, float scale, float softcap) {
  const Floats df;
  Vector most = hn::Set(df, -kInfinity);
  const bool whole = lo == 0 && hi == n;
  for (size_t j = 0; j < n; j += kLanes) {
    Vector s = hn::Mul(hn::LoadU(df, x + j), hn::Set(df, scale));
    if constexpr (kCapped) s = hn::Mul(hn::Tanh(df, hn::Div(s, hn::Set(df, softcap))), hn::Set(df, softcap));
    if (!whole) {
      const auto before = hn::FirstN(df, lo > j ? lo - j : 0), until = hn::FirstN(df, hi > j ? hi - j : 0);
      s = hn::IfThenElse(hn::AndNot(before, until), s, hn::Set(df, -kInfinity));
    }
    hn::StoreU(s, df, x + j);
    most = hn::Max(most, s);
  }
  return hn::GetLane(hn::MaxOfLanes(df, most));
}

// x[j] <- exp(x[j] - shift); adds the new values to kLanes partial sums, value j to partial sum j mod kLanes.
inline void ExpMinus(float shift, float* x, size_t n, float* sums) {
  const Floats df;
  Vector sum = hn::Zero(df);
  for (size_t j = 0; j < n; j += kLanes) {
    const Vector p = Exp(hn::Sub(hn::LoadU(df, x + j), hn::Set(df, shift)));
    hn::StoreU(p, df, x + j);
    sum = hn::Add(sum, p);
  }
  hn::StoreU(hn::Add(hn::LoadU(df, sums), sum), df, sums);
}

// p[j] <- exp(s[j] - lse).
inline void Probabilities(const float* s, float lse, float* p, size_t n) {
  const Floats df;
  for (size_t j = 0; j < n; j += kLanes) hn::StoreU(Exp(hn::Sub(hn::LoadU(df, s + j), hn::Set(df, lse))), df, p + j);
}

// x[j] <- p[j] (x[j] - shift) · scale · (1 - (s[j] / softcap)²), and 0 where p[j] is 0, whatever x and s are there.
// Adds the results to kLanes partial sums, value j to partial sum j mod kLanes.
inline void WeighRow(const float* p, const float* s, float shift, float scale, float softcap, float* x, size_t n,
                     float* sums) {
  const Floats df;
  Vector sum = hn::LoadU(df, sums);
  for (size_t j = 0; j < n; j += kLanes) {
    const Vector weight = hn::LoadU(df, p + j);
    Vector slope = hn::Set(df, scale);
    if (softcap > 0) {
      const Vector t = hn::Div(hn::LoadU(df, s + j), hn::Set(df, softcap));
      slope = hn::Mul(slope, hn::NegMulAdd(t, t, hn::Set(df, 1.0f)));
    }
    const Vector value = hn::Mul(hn::Mul(weight, hn::Sub(hn::LoadU(df, x + j), hn::Set(df, shift))), slope);
    const Vector kept = hn::IfThenZeroElse(hn::Eq(weight, hn::Zero(df)), value);
    hn::StoreU(kept, df, x + j);
    sum = hn::Add(sum, kept);
  }
  hn::StoreU(sum, df, sums);
}

inline float SumLanes(const float* sums) {
  const Floats df;
  return hn::GetLane(hn::SumOfLanes(df, hn::LoadU(df, sums)));
}

// `count` numbers of a plain dtype as f32.
inline void LoadRow(const std::byte* from, DType dtype, float* to, size_t count) {
  if (dtype == DType::kF32) {
    std::memcpy(to, from, count * sizeof(float));
  } else if (dtype == DType::kBF16) {
    const uint16_t* bits = reinterpret_cast<const uint16_t*>(from);
    for (size_t i = 0; i < count; ++i) {
      const uint32_t word = static_cast<uint32_t>(bits[i]) << 16;
      std::memcpy(to + i, &word, sizeof(word));
    }
  } else {
    const Floats df;
    const hn::Rebind<hwy::float16_t, Floats> half;
    const hwy::float16_t* numbers = reinterpret_cast<const hwy::float16_t*>(from);
    size_t i = 0;
    for (; i + kLanes <= count; i += kLanes) hn::StoreU(hn::PromoteTo(df, hn::LoadU(half, numbers + i)), df, to + i);
    for (; i < count; ++i) to[i] = Float16::ToFloat(reinterpret_cast<const uint16_t*>(from)[i]);
  }
}

// f32 numbers as a plain dtype, rounded to nearest even.
inline void StoreRow(const float* from, DType dtype, std::byte* to, size_t count) {
  if (dtype == DType::kF32) {
    std::memcpy(to, from, count * sizeof(float));
  } else if (dtype == DType::kBF16) {
    for (size_t i = 0; i < count; ++i) reinterpret_cast<BFloat16*>(to)[i] = BFloat16(from[i]);
  } else {
    for (size_t i = 0; i < count; ++i) reinterpret_cast<Float16*>(to)[i] = Float16(from[i]);
  }
}

// B = Aᵀ, moved.               A [m, n], B [n, m], both row-major
inline void TransposeInto(Tile<const float> a, Tile<float> b) {
  size_t blocked_rows = 0, blocked_cols = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::FixedTag<float, 4> d4;
  const auto wide = [&](auto v) HWY_ATTR { return hn::BitCast(hn::FixedTag<double, 2>(), v); };
  const auto narrow = [&](auto v) HWY_ATTR { return hn::BitCast(d4, v); };
  blocked_rows = a.rows / 4 * 4, blocked_cols = a.cols / 4 * 4;
  for (size_t i = 0; i < blocked_rows; i += 4) {
    for (size_t j = 0; j < blocked_cols; j += 4) {
      const auto r0 = hn::LoadU(d4, a.Row(i) + j), r1 = hn::LoadU(d4, a.Row(i + 1) + j);
      const auto r2 = hn::LoadU(d4, a.Row(i + 2) + j), r3 = hn::LoadU(d4, a.Row(i + 3) + j);
      const auto lo01 = wide(hn::InterleaveLower(d4, r0, r1)), lo23 = wide(hn::InterleaveLower(d4, r2, r3));
      const auto hi01 = wide(hn::InterleaveUpper(d4, r0, r1)), hi23 = wide(hn::InterleaveUpper(d4, r2, r3));
      const hn::FixedTag<double, 2> d2;
      hn::StoreU(narrow(hn::InterleaveLower(d2, lo01, lo23)), d4, b.Row(j) + i);
      hn::StoreU(narrow(hn::InterleaveUpper(d2, lo01, lo23)), d4, b.Row(j + 1) + i);
      hn::StoreU(narrow(hn::InterleaveLower(d2, hi01, hi23)), d4, b.Row(j + 2) + i);
      hn::StoreU(narrow(hn::InterleaveUpper(d2, hi01, hi23)), d4, b.Row(j + 3) + i);
    }
  }
#endif
  for (size_t i = 0; i < a.rows; ++i) {
    for (size_t j = i < blocked_rows ? blocked_cols : 0; j < a.cols; ++j) b.Row(j)[i] = a.Row(i)[j];
  }
}

}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard of the instruction set
