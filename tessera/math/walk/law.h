#pragma once
// The whole law of S_n at once: exactly, or in doubles within one unit in the last place.

#include <span>
#include <vector>

#include "tessera/math/number/ball.h"
#include "tessera/math/number/rational.h"

namespace tessera::math::walk {

inline constexpr int64_t kMaxExactLawSteps = 30'000, kMaxLawSteps = 20'000'000;

// P(S_n = 2k - n) = weight(k) / denominator, k = 0 … n: integers over one denominator, not in lowest terms.
// For p = 1/2 the denominator is 2^n, weights are the binomial coefficients, and the upper half is not stored.
class ExactLaw {
 public:
  // Throws MathError "too-large" beyond kMaxExactLawSteps, or fewer where p is long.
  ExactLaw(int64_t n, const Rational& p);

  int64_t steps() const { return n_; }
  const Integer& weight(int64_t k) const { return weights_[static_cast<size_t>(fair_ && 2 * k > n_ ? n_ - k : k)]; }
  const Integer& denominator() const { return denominator_; }
  Rational Probability(int64_t k) const { return Rational(weight(k), denominator_); }

 private:
  int64_t n_;
  bool fair_;
  std::vector<Integer> weights_;
  Integer denominator_;
};

// P(S_n = 2k - n) for k = 0 … n. Each differs from the true value by less than one unit in its last place; below the
// smallest normal double, by less than one unit of the smallest subnormal. The recurrence runs outwards from the most
// likely place, whose value is certified, in pairs of doubles. Throws MathError "too-large" beyond kMaxLawSteps.
std::vector<double> Law(int64_t n, const Rational& p);

}  // namespace tessera::math::walk
