// Softmax of rows of scores in tiles of 64 keys, forward and backward. Exponentials are powers of two: `factor` is
// scale · log2 e, and m and lse are logarithms to base 2 here.
// Included once an instruction set, like tile-inl.h.
#if defined(TESSERA_KERNELS_CPU_SOFTMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_KERNELS_CPU_SOFTMAX_INL_H_
#undef TESSERA_KERNELS_CPU_SOFTMAX_INL_H_
#else
#define TESSERA_KERNELS_CPU_SOFTMAX_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>

#include "tessera/kernels/cpu/attention_work.h"
#include "tessera/kernels/cpu/tile-inl.h"

TESSERA_BEFORE_TILES();
namespace tessera::kernels::HWY_NAMESPACE {

constexpr size_t kTile = static_cast<size_t>(kTileKeys);
constexpr size_t kTileVectors = kTile / kLanes;
constexpr float kLog2E = 1.44269504088896341f, kLn2 = 0.693147180559945309f;

// 2^y for y <= 127: n = round(y), r = y - n, 2^r ≈ 1 + r q(r), q of least relative error. 0 for -inf, NaN for NaN.
//   float     error 1.5 · 2⁻²⁴         BFloat16  error 2⁻¹⁸: the result is rounded to 8 bits, and lse to 2⁻¹⁷
template <typename T>
HWY_INLINE Vector Exp2(Vector y) {
  const Floats df;
#if HWY_TARGET == HWY_AVX3
  const Vector bounded{_mm512_max_ps(_mm512_set1_ps(-200.0f), y.raw)};  // NaN stays: max returns its second operand
  const Vector n{_mm512_roundscale_ps(bounded.raw, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
  const Vector r = hn::Sub(bounded, n);
#else
  const auto integer = hn::NearestInt(y);
  const Vector r = hn::Sub(y, hn::ConvertTo(df, integer));
#endif
  Vector q;
  if constexpr (kPerWord<T> == 2) {
    q = hn::Set(df, 0.009582853f);
    q = hn::MulAdd(q, r, hn::Set(df, 0.055906426f));
    q = hn::MulAdd(q, r, hn::Set(df, 0.24024099f));
    q = hn::MulAdd(q, r, hn::Set(df, 0.6931242f));
  } else {
    q = hn::Set(df, 0.0013264727f);
    q = hn::MulAdd(q, r, hn::Set(df, 0.009671513f));
    q = hn::MulAdd(q, r, hn::Set(df, 0.055507336f));
    q = hn::MulAdd(q, r, hn::Set(df, 0.24022242f));
    q = hn::MulAdd(q, r, hn::Set(df, 0.693147f));
  }
  const Vector mantissa = hn::MulAdd(q, r, hn::Set(df, 1.0f));
#if HWY_TARGET == HWY_AVX3
  return Vector{_mm512_scalef_ps(mantissa.raw, n.raw)};
#else
  const hn::RebindToSigned<Floats> di;
  const Vector power = hn::BitCast(df, hn::ShiftLeft<23>(hn::Add(integer, hn::Set(di, 127))));
  return hn::IfThenZeroElse(hn::Lt(y, hn::Set(df, -126.0f)), hn::Mul(mantissa, power));
#endif
}

// A tile's row of probabilities as the next product's operand.
HWY_INLINE void StoreTileRow(const Vector (&x)[kTileVectors], float* to) {
#pragma GCC unroll 8
  for (size_t i = 0; i < kTileVectors; ++i) hn::StoreU(x[i], Floats(), to + i * kLanes);
}
#if HWY_TARGET == HWY_AVX3
HWY_INLINE void StoreTileRow(const Vector (&x)[kTileVectors], BFloat16* to) {
#pragma GCC unroll 2
  for (size_t i = 0; i < kTileVectors; i += 2) {
    const __m512bh both = _mm512_cvtne2ps_pbh(x[i + 1].raw, x[i].raw);
    _mm512_storeu_si512(to + i * kLanes, reinterpret_cast<__m512i>(both));
  }
}
#endif

HWY_INLINE float Most(const Vector (&x)[kTileVectors]) {
  Vector most = x[0];
#pragma GCC unroll 8
  for (size_t i = 1; i < kTileVectors; ++i) most = hn::Max(most, x[i]);
  return hn::GetLane(hn::MaxOfLanes(Floats(), most));
}
HWY_INLINE bool AnyAbove(const Vector (&x)[kTileVectors], float limit) {
  Vector most = x[0];
#pragma GCC unroll 8
  for (size_t i = 1; i < kTileVectors; ++i) most = hn::Max(most, x[i]);
  return !hn::AllFalse(Floats(), hn::Gt(most, hn::Set(Floats(), limit)));
}

// y = s · factor - shift where lo <= j < hi, -inf elsewhere.
template <bool kWhole>
HWY_INLINE void ShiftedScores(const float* s, size_t lo, size_t hi, float factor, float shift,
                              Vector (&y)[kTileVectors]) {
  const Floats df;
#pragma GCC unroll 8
  for (size_t i = 0; i < kTileVectors; ++i) {
    y[i] = hn::MulSub(hn::LoadU(df, s + i * kLanes), hn::Set(df, factor), hn::Set(df, shift));
    if constexpr (!kWhole) {
      const size_t j = i * kLanes;
      const auto before = hn::FirstN(df, lo > j ? lo - j : 0), until = hn::FirstN(df, hi > j ? hi - j : 0);
      y[i] = hn::IfThenElse(hn::AndNot(before, until), y[i], hn::Set(df, -kInfinity));
    }
  }
}

// What one row of scores has so far: sums were made with exp2(y - m). `l` is a sum a lane, value j in lane j mod
// kLanes.
struct RowState {
  float& m;
  float* l;
};

constexpr float kFarAbove = 8;
constexpr float kCoarse = 0x1p27f;  // rounding leaves that much from here on

// p = 2^y and l <- shrink · l + p.
template <typename T>
HWY_INLINE void StoreWeights(Vector (&y)[kTileVectors], float shrink, float* l, T* p) {
  const Floats df;
#pragma GCC unroll 8
  for (size_t i = 0; i < kTileVectors; ++i) y[i] = Exp2<T>(y[i]);
  StoreTileRow(y, p);
#pragma GCC unroll 8
  for (size_t width = kTileVectors / 2; width > 0; width /= 2) {
#pragma GCC unroll 8
    for (size_t i = 0; i < width; ++i) y[i] = hn::Add(y[i], y[i + width]);
  }
  const Vector earlier = hn::Mul(hn::LoadU(df, l), hn::Set(df, shrink));
  hn::StoreU(hn::Add(earlier, y[0]), df, l);
}

// The step of the online softmax. p = 2^(factor · s - m) for lo <= j < hi and 0 elsewhere; l += p. Where a score is far
// above m, m becomes the largest score, and the factor by which all earlier sums must shrink is returned; else 1. Being
// behind by at most 2⁸ costs no precision, and saves most rows the search for their maximum.
template <typename T, bool kWhole>
HWY_INLINE float OnlineSoftmax(const float* s, size_t lo, size_t hi, float factor, RowState row, T* p) {
  Vector y[kTileVectors];
  float shrink = 1;
  ShiftedScores<kWhole>(s, lo, hi, factor, row.m > -kInfinity ? row.m : 0, y);
  if (row.m == -kInfinity || AnyAbove(y, kFarAbove)) {
    ShiftedScores<kWhole>(s, lo, hi, factor, 0, y);
    const float most = Most(y);
    if (most > row.m) {
      if (row.m > -kInfinity) shrink = std::exp2(row.m - most);
      row.m = most;
    }
    ShiftedScores<kWhole>(s, lo, hi, factor, row.m > -kInfinity ? row.m : 0, y);  // -inf alone has weight 0
    // m is rounded: of a score of 2²⁷ and more so much is left that its own weight would be anything from 0 to
    // infinity.
    const float left = Most(y);
    if (std::abs(left) > kFarAbove && std::abs(left) < kInfinity) {
      for (Vector& each : y) each = hn::Sub(each, hn::Set(Floats(), left));
    }
  }
  StoreWeights(y, shrink, row.l, p);
  return shrink;
}

// The first m of rows whose tile is whole, as OnlineSoftmax has it, up to the first that has one or finds none that is
// right to within kFarAbove; returns how many.
inline HWY_NOINLINE size_t StartRows(const float* s, size_t rows, float factor, float* m) {
  for (size_t r = 0; r < rows; ++r) {
    if (m[r] > -kInfinity) return r;
    Vector y[kTileVectors];
    ShiftedScores<true>(s + r * kTile, 0, kTile, factor, 0, y);
    const float most = Most(y);
    if (!(std::abs(most) < kCoarse)) return r;
    m[r] = most;
  }
  return rows;
}

// OnlineSoftmax of whole rows of tiles, one after the other, up to the first whose m must change; returns how many were
// done. Nearly all are such rows, so this loop has no call and keeps its constants in registers: twice as fast.
template <typename T>
HWY_NOINLINE size_t SettledRows(const float* s, size_t rows, float factor, const float* m, float* l, T* p) {
  for (size_t r = 0; r < rows; ++r) {
    if (m[r] == -kInfinity) return r;
    Vector y[kTileVectors];
    ShiftedScores<true>(s + r * kTile, 0, kTile, factor, m[r], y);
    if (AnyAbove(y, kFarAbove)) return r;
    StoreWeights(y, 1, l + r * kLanes, p + r * kTile);
  }
  return rows;
}

// s <- cap · tanh(scale · s / cap), n a multiple of kLanes.
inline void CapRow(float* s, size_t n, float scale, float cap) {
  const Floats df;
  for (size_t j = 0; j < n; j += kLanes) {
    const Vector x = hn::Mul(hn::LoadU(df, s + j), hn::Set(df, scale));
    hn::StoreU(hn::Mul(hn::Tanh(df, hn::Div(x, hn::Set(df, cap))), hn::Set(df, cap)), df, s + j);
  }
}

// What 64 query rows bring to the gradient of a tile. Row r sees keys begin[r] … end[r] - 1 of the tile.
struct QueryRows {
  const float *lse, *delta;
  const float *begin, *end;
};

// One key of the transposed tile, queries in lanes; `key` is its place in the tile.
//   P = 2^(factor · S - L)    dS = P ∘ (dP - D) · slope    slope = scale · (1 - (S / cap)²)
// Both are 0 where a mask hides the key, and dS where P is 0, whatever S and dP are there.
template <typename T, bool kWhole>
HWY_INLINE void SoftmaxVjp(const float* s, const float* dp, size_t key, const QueryRows& rows, float scale, float cap,
                           T* p, T* ds) {
  const Floats df;
  Vector weight[kTileVectors], gradient[kTileVectors];
#pragma GCC unroll 8
  for (size_t i = 0; i < kTileVectors; ++i) {
    const size_t j = i * kLanes;
    Vector score = hn::LoadU(df, s + j), slope = hn::Set(df, scale);
    float factor = scale * kLog2E;
    if (cap > 0) {
      score = hn::Tanh(df, hn::Mul(score, hn::Set(df, scale / cap)));
      slope = hn::Mul(slope, hn::NegMulAdd(score, score, hn::Set(df, 1.0f)));
      factor = cap * kLog2E;
    }
    weight[i] = Exp2<T>(hn::MulSub(score, hn::Set(df, factor), hn::LoadU(df, rows.lse + j)));
    if constexpr (!kWhole) {
      const Vector place = hn::Set(df, static_cast<float>(key));
      const auto seen =
          hn::And(hn::Ge(place, hn::LoadU(df, rows.begin + j)), hn::Lt(place, hn::LoadU(df, rows.end + j)));
      weight[i] = hn::IfThenElseZero(seen, weight[i]);
    }
    const Vector change = hn::Mul(hn::Sub(hn::LoadU(df, dp + j), hn::LoadU(df, rows.delta + j)), slope);
    gradient[i] = hn::IfThenZeroElse(hn::Eq(weight[i], hn::Zero(df)), hn::Mul(weight[i], change));
  }
  StoreTileRow(weight, p);
  StoreTileRow(gradient, ds);
}

// s[j] <- softcap · tanh(scale · s[j] / softcap), or scale · s[j] if there is no cap, for lo <= j < hi; -inf elsewhere.
inline void ScaleAndMask(float* s, size_t lo, size_t hi, float scale, float cap) {
  Vector y[kTileVectors];
  if (cap > 0) CapRow(s, kTile, scale, cap);
  ShiftedScores<false>(s, lo, hi, cap > 0 ? 1 : scale, 0, y);
  StoreTileRow(y, s);
}

// p[j] <- exp(s[j] - lse) of a tile's row.
inline void Probabilities(const float* s, float lse, float* p) {
  const Floats df;
  for (size_t j = 0; j < kTile; j += kLanes) {
    const Vector y = hn::Mul(hn::Sub(hn::LoadU(df, s + j), hn::Set(df, lse)), hn::Set(df, kLog2E));
    hn::StoreU(Exp2<float>(y), df, p + j);
  }
}

// x[j] <- p[j] x[j] · scale · (1 - (s[j] / cap)²), and 0 where p[j] is 0, whatever x and s are there.
// Adds the results to kLanes partial sums, value j to partial sum j mod kLanes.
inline void WeighRow(const float* p, const float* s, float scale, float cap, float* x, float* sums) {
  const Floats df;
  Vector sum = hn::LoadU(df, sums);
  for (size_t j = 0; j < kTile; j += kLanes) {
    const Vector weight = hn::LoadU(df, p + j);
    Vector slope = hn::Set(df, scale);
    if (cap > 0) {
      const Vector t = hn::Div(hn::LoadU(df, s + j), hn::Set(df, cap));
      slope = hn::Mul(slope, hn::NegMulAdd(t, t, hn::Set(df, 1.0f)));
    }
    const Vector value = hn::Mul(hn::Mul(weight, hn::LoadU(df, x + j)), slope);
    const Vector kept = hn::IfThenZeroElse(hn::Eq(weight, hn::Zero(df)), value);
    hn::StoreU(kept, df, x + j);
    sum = hn::Add(sum, kept);
  }
  hn::StoreU(sum, df, sums);
}

}  // namespace tessera::kernels::HWY_NAMESPACE
TESSERA_AFTER_TILES();

#endif  // include guard of the instruction set
