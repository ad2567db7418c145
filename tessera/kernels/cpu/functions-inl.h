// Elementary functions of vectors of f32. Included once an instruction set, after lanes-inl.h.
//
//   function     greatest error, in units in the last place (measured over all floats that give a normal result)
//   Exp          1       Tanh  2       Sigmoid  3
//   NormalCdf    5       the tail included: it is e^(-x²/2) times a smooth function, not a difference from 1
//
// NaN gives NaN; infinities give the limits. One lane (the portable set) calls the C library instead, which has no
// fused multiply-add to lose.
#if defined(TESSERA_KERNELS_CPU_FUNCTIONS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_KERNELS_CPU_FUNCTIONS_INL_H_
#undef TESSERA_KERNELS_CPU_FUNCTIONS_INL_H_
#else
#define TESSERA_KERNELS_CPU_FUNCTIONS_INL_H_
#endif

#include <cmath>

#include "tessera/kernels/cpu/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace lanes {

HWY_INLINE Vector Constant(float x) { return hn::Set(Floats(), x); }

// c[0] + c[1] x + … by Horner's rule.
template <size_t N>
HWY_INLINE Vector Polynomial(Vector x, const float (&c)[N]) {
  Vector p = Constant(c[N - 1]);
#pragma GCC unroll 16
  for (size_t i = N - 1; i-- > 0;) p = hn::MulAdd(p, x, Constant(c[i]));
  return p;
}

#if HWY_TARGET == HWY_SCALAR

HWY_INLINE Vector Exp(Vector x) { return Constant(std::exp(hn::GetLane(x))); }
HWY_INLINE Vector Tanh(Vector x) { return Constant(std::tanh(hn::GetLane(x))); }
HWY_INLINE Vector NormalCdf(Vector x) { return Constant(0.5f * std::erfc(-0.70710678f * hn::GetLane(x))); }
HWY_INLINE Vector HalfSquareExp(Vector x) { return Exp(hn::Mul(Constant(-0.5f), hn::Mul(x, x))); }

#else

// x · 2^n for -252 <= n <= 254, in two steps: one factor could overflow, or lose a subnormal result.
HWY_INLINE Vector TimesPowerOfTwo(Vector x, hn::Vec<hn::Rebind<int32_t, Floats> > n) {
  const hn::Rebind<int32_t, Floats> integers;
  const auto bias = hn::Set(integers, 127);
  const auto half = hn::ShiftRight<1>(n), rest = hn::Sub(n, half);
  const auto low = hn::BitCast(Floats(), hn::ShiftLeft<23>(hn::Add(half, bias)));
  const auto high = hn::BitCast(Floats(), hn::ShiftLeft<23>(hn::Add(rest, bias)));
  return hn::Mul(hn::Mul(x, low), high);
}

// e^x = 2^n e^r,  n = round(x / ln 2),  r = x - n ln 2 in two steps, |r| <= ln 2 / 2,
// e^r = 1 + r + r² q(r): q's error is below 2^-34 of the result. At the bounds the result is 0 or infinity.
HWY_INLINE Vector Exp(Vector x) {
  constexpr float q[] = {0.5f, 0.16666666f, 0.041666295f, 0.008333497f, 0.0013944659f, 0.00019790341f};
#if HWY_TARGET == HWY_AVX3  // whose bounds let NaN through: they return their second operand
  const Vector bounded{_mm512_min_ps(_mm512_set1_ps(89), _mm512_max_ps(_mm512_set1_ps(-104), x.raw))};
#else
  const Vector bounded = hn::Min(hn::Max(x, Constant(-104.0f)), Constant(89.0f));
#endif
  const Vector n = hn::Round(hn::Mul(bounded, Constant(1.44269504f)));
  Vector r = hn::NegMulAdd(n, Constant(0.693359375f), bounded);  // ln 2 = 0x3f318000 and the rest
  r = hn::NegMulAdd(n, Constant(-2.12194440e-4f), r);
  const Vector e = hn::Add(hn::MulAdd(hn::Mul(r, r), Polynomial(r, q), r), Constant(1.0f));
#if HWY_TARGET == HWY_AVX3
  return Vector{_mm512_scalef_ps(e.raw, n.raw)};
#else
  const Vector y = TimesPowerOfTwo(e, hn::ConvertTo(hn::Rebind<int32_t, Floats>(), n));
  return hn::IfThenElse(hn::IsNaN(x), x, y);
#endif
}

// tanh x = x + x³ p(x²) below 0.625, where p's error is below 2^-32 of the result; sign(x) (1 - 2 / (e^2|x| + 1))
// above.
HWY_INLINE Vector Tanh(Vector x) {
  constexpr float p[] = {-0.3333333f, 0.1333321f, -0.053947203f, 0.02170297f, -0.008182677f, 0.0021475398f};
  const Vector a = hn::Abs(x), square = hn::Mul(x, x);
  const Vector small = hn::MulAdd(hn::Mul(x, square), Polynomial(square, p), x);
  const Vector e = Exp(hn::Add(a, a));
  const Vector large = hn::Sub(Constant(1.0f), hn::Div(Constant(2.0f), hn::Add(e, Constant(1.0f))));
  return hn::IfThenElse(hn::Lt(a, Constant(0.625f)), small, hn::CopySign(large, x));
}

// e^(-x²/2). x² is rounded, which would cost x² / 2 units in the tail: `lost` puts the rest back.
HWY_INLINE Vector HalfSquareExp(Vector x) {
  const Vector bounded = hn::Min(hn::Abs(x), Constant(16.0f));  // e^-128 is 0
  const Vector square = hn::Mul(bounded, bounded), lost = hn::MulSub(bounded, bounded, square);
  const Vector e = Exp(hn::Mul(Constant(-0.5f), square));
  return hn::IfThenElse(hn::IsNaN(x), x, hn::NegMulAdd(hn::Mul(e, Constant(0.5f)), lost, e));
}

// Φ(x):  Φ(-a) = e^(-a²/2) Q(t),  t = 1 / (1 + 0.3 a),  Φ(a) = 1 - Φ(-a).
// Q = e^(a²/2) erfc(a/√2) / 2 is smooth in t; its polynomial's error is below 2^-28 of the result for a <= 14.5.
HWY_INLINE Vector NormalCdfFrom(Vector x, Vector half_square_exp) {
  constexpr float q[] = {7.0679715e-07f, 0.11967032f, 0.11973571f,  0.10930107f,  0.0817535f,   0.08815165f,
                         -0.06664518f,   0.17824607f, -0.21908256f, 0.108888075f, -0.020019349f};
  const Vector one = Constant(1.0f);
  const Vector t = hn::Div(one, hn::MulAdd(Constant(0.3f), hn::Abs(x), one));
  const Vector below = hn::Mul(half_square_exp, Polynomial(t, q));
  return hn::IfThenElse(hn::Gt(x, hn::Zero(Floats())), hn::Sub(one, below), below);
}
HWY_INLINE Vector NormalCdf(Vector x) { return NormalCdfFrom(x, HalfSquareExp(x)); }

#endif

// σ(x) = 1 / (1 + e^-x)
HWY_INLINE Vector Sigmoid(Vector x) { return hn::Div(Constant(1.0f), hn::Add(Constant(1.0f), Exp(hn::Neg(x)))); }

}  // namespace lanes
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
