#pragma once
// Harmonic sums in doubles, without a table and for any n: what a Zipf law over n ranks is normalised with.
//
//   H_n,s = Σ_(k=1..n) k^-s,   s = 1: the harmonic number H_n
//
// Beyond the first terms by the expansion of Euler and Maclaurin, whose first term left out is below 1e-19 of the sum.
// math/harmonic gives H_n to any number of digits; this part needs no library for exact numbers.

#include <cstdint>

namespace tessera::math::numeric {

inline constexpr double kMaxZipfExponent = 20;

// H_n,s with a relative error of a few 1e-16; H_0,s = 0. Throws Error for n < 0 or s outside [0, kMaxZipfExponent].
double HarmonicSum(int64_t n, double s = 1);

// The least k in 1 … n with H_k,s > x, and n if there is none: rank k of a Zipf law holds the x in
// [H_(k-1),s, H_k,s). n >= 1.
int64_t LeastAbove(double x, int64_t n, double s = 1);

}  // namespace tessera::math::numeric
