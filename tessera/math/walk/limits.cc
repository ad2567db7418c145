#include "tessera/math/walk/limits.h"

#if __has_include(<flint/arb_hypgeom.h>)
#include <flint/arb_hypgeom.h>
#else
#include <arb_hypgeom.h>
#endif

#include <cmath>
#include <numbers>

#include "tessera/math/errors.h"
#include "tessera/math/walk/law.h"
#include "tessera/math/walk/line.h"

namespace tessera::math::walk {
namespace {

// Φ((x - μ)/σ) with σ² = 4pqn
Ball NormalAt(int64_t x, int64_t n, const Rational& p, int64_t precision) {
  const Rational q = Rational(1) - p, mean = Rational(n) * (p - q), twice_variance = Rational(8 * n) * p * q;
  Ball t(Rational(x) - mean, precision), scale(twice_variance, precision);
  arb_sqrt(scale.raw(), scale.raw(), precision);
  arb_div(t.raw(), t.raw(), scale.raw(), precision);
  arb_neg(t.raw(), t.raw());
  arb_hypgeom_erfc(t.raw(), t.raw(), precision);
  arb_mul_2exp_si(t.raw(), t.raw(), -1);
  return t;
}

void RequireSpread(const Rational& p) {
  if (p.is_zero() || p == Rational(1))
    FailNoAnswer("domain", "walk: with p = {} nothing is random, so there is no normal limit", p.ToString());
}

}  // namespace

Ball NormalError(int64_t n, const Rational& p, int64_t precision) {
  RequireSpread(p);
  if (n < 1 || n > 100'000) FailInput("domain", "normal limit: {} steps are not within 1 … 100,000", n);
  // In doubles first: only places whose gap is near the largest can be the maximum.
  const std::vector<double> law = Law(n, p);
  const double mean = static_cast<double>(n) * (2 * p.ToDouble() - 1);
  const double sigma = std::sqrt(4 * p.ToDouble() * (1 - p.ToDouble()) * static_cast<double>(n));
  const auto phi = [&](int64_t x) {
    return 0.5 * std::erfc((mean - static_cast<double>(x)) / (sigma * std::numbers::sqrt2));
  };
  double largest = 0, below = 0;
  int64_t where = 0;
  for (int64_t k = 0; k <= n; ++k) {
    const double normal = phi(2 * k - n), above = below + law[static_cast<size_t>(k)];
    const double gap = std::max(std::abs(above - normal), std::abs(below - normal));
    if (gap > largest) {
      largest = gap;
      where = k;
    }
    below = above;
  }
  // Then certified at that place; the others are at least as small up to the doubles' own error, which joins the ball.
  Ball sum, below_ball;
  for (int64_t k = 0; k <= where; ++k) {
    arb_set(below_ball.raw(), sum.raw());
    const Ball point = PointProbability(n, 2 * k - n, p, precision + 32);
    arb_add(sum.raw(), sum.raw(), point.raw(), precision + 32);
  }
  const Ball normal = NormalAt(2 * where - n, n, p, precision + 32);
  arb_sub(sum.raw(), sum.raw(), normal.raw(), precision);
  arb_sub(below_ball.raw(), below_ball.raw(), normal.raw(), precision);
  arb_abs(sum.raw(), sum.raw());
  arb_abs(below_ball.raw(), below_ball.raw());
  arb_max(sum.raw(), sum.raw(), below_ball.raw(), precision);
  return sum;
}

LocalLimit ApproximatePoint(int64_t n, int64_t x, const Rational& p) {
  RequireSpread(p);
  const double steps = static_cast<double>(n), chance = p.ToDouble(), rest = 1 - chance;
  const double variance = 4 * chance * rest * steps, sigma = std::sqrt(variance);
  const double t = (static_cast<double>(x) - steps * (chance - rest)) / sigma;
  const double normal = 2 / (sigma * std::sqrt(2 * std::numbers::pi)) * std::exp(-t * t / 2);
  // Skewness and excess of the sum: (q - p)/sqrt(npq) and (1 - 6pq)/(npq); He_3, He_4, He_6 are Hermite's polynomials.
  const double pq = chance * rest, skewness = (rest - chance) / std::sqrt(steps * pq),
               excess = (1 - 6 * pq) / (steps * pq);
  const double t2 = t * t, he3 = t * (t2 - 3), he4 = t2 * (t2 - 6) + 3, he6 = t2 * (t2 * (t2 - 15) + 45) - 15;
  return {normal, normal * (1 + skewness / 6 * he3 + excess / 24 * he4 + skewness * skewness / 72 * he6)};
}

double ArcsineLimit(double t) { return 2 / std::numbers::pi * std::asin(std::sqrt(t)); }

}  // namespace tessera::math::walk
