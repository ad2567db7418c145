#pragma once
// Sparse quadratics whose matrix is singular: doubles alone cannot tell a zero eigenvalue from a tiny one, exact null
// vectors can.

#include "tessera/math/quadratic/sparse.h"

namespace tessera::math::quadratic {

// The numbers behind the doubles of a SparseProblem.
struct SparseExact {
  std::vector<Rational> a;  // as SparseMatrix::value
  std::vector<Rational> b;  // [n]
};

struct SingularSolution {
  DenseSolution solution;  // x is the stationary point of least norm; without one, empty
  bool b_in_range = true;
  std::vector<int64_t> free_variables;            // that occur nowhere in A: each spans a part of the null space
  std::vector<std::vector<Rational>> null_space;  // a basis of the other part, exact
  std::vector<double> descent, ascent;            // where f is unbounded and a direction is certain
};

// Rows of zeros are left out first. Then the `near_zero` eigenvectors of A that belong to the eigenvalues within ±shift
// of 0, as SparseOutcome gives them, are computed, brought to echelon form, rounded to fractions, and A v = 0 is
// verified in rational arithmetic. With the null vectors V and rows K where V_K is regular, A is congruent to A without
// the rows and columns K, and as many zeros as V has columns: so the inertia of that smaller matrix, certified as for
// regular ones, gives A's. Nothing if the vectors are not rational with small denominators, or if the smaller matrix is
// not decided either.
std::optional<SingularSolution> SolveSingular(const SparseProblem& problem, const SparseExact& exact,
                                              const SparseOutcome& outcome, const SparseLimits& limits = {});

}  // namespace tessera::math::quadratic
