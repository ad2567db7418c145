#pragma once
// How the exact law approaches its limit, with the error at finite n.

#include "tessera/math/number/ball.h"
#include "tessera/math/number/rational.h"

namespace tessera::math::walk {

// max over x of |P(S_n <= x) - Φ((x - μ)/σ)|, both sides of each jump: the error of the central limit theorem.
// For p = 1/2 it is close to P(S_n = 0)/2 ~ 1/sqrt(2πn) for even n. Enclosed at `precision`. 1 <= n <= 100,000.
Ball NormalError(int64_t n, const Rational& p, int64_t precision);

struct LocalLimit {
  double normal = 0;     // 2/(σ sqrt(2π)) e^(-t²/2), t = (x - μ)/σ: the step of the lattice is 2
  double corrected = 0;  // with the terms in 1/sqrt(n) and 1/n of Edgeworth's expansion (Feller 2, XVI.2)
};
// The two approximations of P(S_n = x); n >= 1 and 0 < p < 1.
LocalLimit ApproximatePoint(int64_t n, int64_t x, const Rational& p);

// P(last visit to 0 at or before the fraction t of the time) in the limit: (2/π) asin sqrt(t)
double ArcsineLimit(double t);

}  // namespace tessera::math::walk
