#pragma once
// Sparse quadratics in double precision, of hundreds of thousands of unknowns, with a kind that is certified or not
// given at all. Memory and time are those of the factorisation, which the order of elimination keeps small.

#include <optional>
#include <string>
#include <vector>

#include "tessera/math/quadratic/dense.h"

namespace tessera::math::quadratic {

// Rows of a symmetric matrix, both halves stored, columns ascending in each row.
struct SparseMatrix {
  int64_t n = 0;
  std::vector<int64_t> start;  // [n + 1]: row i is start[i] … start[i + 1] - 1 of the two others
  std::vector<int32_t> column;
  std::vector<double> value;

  double Diagonal(int64_t i) const;  // 0 if none is stored
  // y = A x
  void Multiply(const std::vector<double>& x, std::vector<double>& y) const;
};

struct SparseProblem {
  SparseMatrix a;
  std::vector<double> b;  // [n]
  double c = 0;
};
// Throws MathError "dimension", "not-symmetric", "not-finite" and "zero-matrix" as for dense ones.
void RequireQuadratic(const SparseProblem& problem);

struct SparseLimits {
  int64_t factor_bytes = int64_t{6} << 30;  // of the factor and of what is under work
  double operations = 2e12;                 // additions and multiplications
};

struct SparseOutcome {
  std::optional<DenseSolution> solution;  // as SolveDense gives it
  std::string why_not;                    // without one: what stood in the way
  int64_t factor_values = 0;
  // Where only eigenvalues close to 0 stood in the way: how many lie within ±near_zero_shift of it.
  int64_t near_zero = 0;
  double near_zero_shift = 0;
  std::vector<double> descent, ascent;  // of a saddle: directions v with v'Av certainly below, and above, 0
};

// Tries, in this order,
//   Cholesky of A - cI (or of -A - cI) with c above every rounding error: if it runs to its end, A is definite. Errors
//   of
//     a sparse factorisation are small: with s the most entries in a row of L, |ΔA_ij| <= γ_(s+2) sqrt(a_ii a_jj), and
//     only where L has an entry (Rump 2006; Higham 2002, theorem 10.5), so both Σ_j over those places and the trace
//     bound it;
//   LDL' of A - σI and of A + σI with pivots of size 1 and 2. Both backward errors are bounded afterwards from the
//   factors
//     themselves: |ΔA| <= (s + 500) u (|A| + |L||D||L'|), where 500 covers the pivots of size 2, whose determinants may
//     not cancel (Higham 2002, section 11.1). If both errors are below σ and both inertias are equal, that inertia is
//     A's (Weyl).
// Then x by the factor, refined against A itself.
SparseOutcome SolveSparse(const SparseProblem& problem, const SparseLimits& limits = {});

}  // namespace tessera::math::quadratic
