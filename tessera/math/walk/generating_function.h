#pragma once
// Generating functions of the walk on the line. A sequence of probabilities becomes a function; its nearest singularity
// says how the sequence ends.
//
//   U(z) = Σ P(S_n = 0) z^n          = 1/sqrt(1 - 4pqz²)
//   F(z) = Σ P(first return at n) z^n = 1 - sqrt(1 - 4pqz²) = 1 - 1/U(z)
//   Φ(z) = Σ P(first visit to 1 at n) z^n = (1 - sqrt(1 - 4pqz²))/(2qz);   to a > 0: Φ(z)^a
//
// All three are singular where 4pqz² = 1, at z = ±R, R = 1/(2 sqrt(pq)): a square root, which turns into powers of n
// (Flajolet and Sedgewick 2009, chapter VI): the coefficients at even n = 2m are asymptotically c R^-n m^e.

#include <string>
#include <vector>

#include "tessera/math/number/rational.h"

namespace tessera::math::walk {

enum class Sequence { kReturns, kFirstReturn, kFirstPassage };

struct GeneratingFunction {
  std::string formula;                 // with p and q as numbers
  std::vector<Rational> coefficients;  // of z^0, z^1, …
  std::string radius;                  // R, exactly where it is rational
  double radius_value = 0;
  std::string type;         // of the singularity
  std::string asymptotics;  // of the coefficients, as text
};

// The first `terms` coefficients; `a` > 0 only for kFirstPassage (a < 0 exchanges p and q). 1 <= terms <= 2,000.
// Throws MathError "domain" for p = 0 or 1, where there is no singularity.
GeneratingFunction GeneratingFunctionOf(Sequence sequence, const Rational& p, int64_t a, int64_t terms);

// What the singularity says about the coefficient of z^n, n > |a|; 0 where n has the wrong parity.
double AsymptoticCoefficient(Sequence sequence, const Rational& p, int64_t a, int64_t n);

}  // namespace tessera::math::walk
