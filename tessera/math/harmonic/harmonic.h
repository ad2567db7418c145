#pragma once
// Harmonic numbers H_n = 1 + 1/2 + … + 1/n, H_0 = 0.
//
//   H_n = ln n + γ + 1/(2n) - Σ_(k=1..K) B_2k/(2k n^2k) + R_K,
//   0 < |R_K| < |B_(2K+2)/((2K+2) n^(2K+2))|, with the sign of the first term left out        (Euler 1735)
//
// The expansion does not converge: its terms shrink until k ≈ πn and then grow. Where n is too small for the digits
// asked, the fraction is summed instead.

#include <string_view>

#include "tessera/math/number/ball.h"
#include "tessera/math/number/rational.h"

namespace tessera::math::harmonic {

inline constexpr int64_t kMaxExact = 10'000'000;

// A whole number n >= 0 that may be far too large to write out: base^exponent, or a number as it is.
class Count {
 public:
  Count(Integer value) : base_(std::move(value)), exponent_(1) {}  // NOLINT: a number is a count
  Count(int64_t value) : Count(Integer(value)) {}                  // NOLINT
  Count(Integer base, Integer exponent) : base_(std::move(base)), exponent_(std::move(exponent)) {}

  bool IsSmall(int64_t limit) const;  // n <= limit
  // The number itself; REQUIRES: IsSmall(int64 limit)
  int64_t ToInt64() const;
  Ball Log(int64_t precision) const;      // ln n, n >= 1
  Ball Inverse(int64_t precision) const;  // 1/n, n >= 1

 private:
  Integer base_, exponent_;
};

// "1000", "1e6", "10^100", "10^(10^9)". Throws MathError "syntax" for what is no number, and "domain" for a negative or
// a fractional one.
Count ParseHarmonicCount(std::string_view text);

// H_n exactly. Throws MathError "domain" for n < 0 and "too-large" beyond kMaxExact, whose fraction has 8.7 million
// digits.
Rational Exact(int64_t n);

// H_n enclosed, to about `precision` bits after the point.
Ball Enclose(const Count& n, int64_t precision);

// The expansion's value with K = `terms`, and the bound of its error: the next term, with its sign.
struct Expansion {
  Ball value, next_term;
};
Expansion Expand(const Count& n, int64_t terms, int64_t precision);
// -B_2k/(2k), the coefficient of n^-2k; k >= 1
Rational Coefficient(int64_t k);

// The least n with H_n > x. Exact for every rational x up to kMaxThreshold, beyond which n has more than 43,000 digits;
// throws MathError "too-large" there.
inline constexpr int64_t kMaxThreshold = 100'000;
Integer LeastAbove(const Rational& x);

}  // namespace tessera::math::harmonic
