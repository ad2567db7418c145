#pragma once
// Dense quadratics in double precision, with a kind that is certified or not given at all.

#include <optional>
#include <span>
#include <vector>

#include "tessera/math/quadratic/quadratic.h"

namespace tessera::math::quadratic {

struct DenseProblem {
  int64_t n = 0;
  std::vector<double> a;  // [n, n], symmetric
  std::vector<double> b;  // [n]
  double c = 0;
};
// Throws MathError as RequireQuadratic does, and "not-finite" for NaN and infinity.
void RequireQuadratic(const DenseProblem& problem);

struct DenseSolution {
  Kind kind = Kind::kSaddle;
  Inertia inertia;
  std::vector<double> x;  // the stationary point
  double value = 0;       // f(x)
  double residual = 0;    // ‖2Ax + b‖ / (‖2A‖_F ‖x‖ + ‖b‖)
  double margin = 0;      // every eigenvalue is certainly farther than this from 0
};

// Tries, in this order,
//   Cholesky of A - cI (or of -A - cI), with c above every rounding error of the factorisation and of A's own entries:
//     if it runs to its end, A is positive definite with all eigenvalues above 0, proven (Rump 2006);
//   Bunch and Kaufman's LDL' of A - cI and of A + cI: if both have the same inertia, none of A's eigenvalues is within
//     the factorisation's backward error of 0.
// Then x by the factor, refined until the residual no longer falls. Nothing if an eigenvalue is too close to 0 to tell
// its sign: then only exact arithmetic decides. `a` is overwritten. n <= 40,000.
std::optional<DenseSolution> SolveDense(DenseProblem problem);

}  // namespace tessera::math::quadratic
