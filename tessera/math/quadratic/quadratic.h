#pragma once
// f(x) = x'Ax + b'x + c with A symmetric and not zero: where it is least or greatest, if anywhere.
//
// The gradient is 2Ax + b. Stationary points exist iff b lies in the range of A; then they are an affine set, a single
// point iff A is regular. With the inertia (numbers of positive, negative and zero eigenvalues) there are seven kinds:
//
//   A >= 0, b in range   minimum, unique iff A > 0, else flat: an affine set of minimisers
//   A <= 0, b in range   maximum, likewise
//   A indefinite, b in range     saddle: unbounded both ways
//   b out of range               no stationary point: unbounded both ways, linearly along a null vector of A

#include <string_view>
#include <vector>

#include "tessera/math/number/rational.h"

namespace tessera::math::quadratic {

enum class Kind { kUniqueMinimum, kFlatMinimum, kUniqueMaximum, kFlatMaximum, kSaddle, kNoStationaryPoint };
std::string_view Name(Kind kind);  // "unique minimum"

struct Inertia {
  int64_t positive = 0, negative = 0, zero = 0;
};
// The kind that follows.
Kind KindOf(const Inertia& inertia, bool b_in_range);

struct ExactProblem {
  int64_t n = 0;
  std::vector<Rational> a;  // [n, n], row by row
  std::vector<Rational> b;  // [n]
  Rational c = 0;
};

// Throws MathError "dimension" unless a is n × n and b has n values, "not-symmetric" naming the first pair that
// differs, "zero-matrix" if every entry is zero.
void RequireQuadratic(const ExactProblem& problem);

struct ExactSolution {
  Kind kind = Kind::kSaddle;
  Inertia inertia;
  bool b_in_range = false;
  std::vector<Rational> x;  // the stationary point of least norm; empty if there is none
  Rational value;           // f(x)
  std::vector<std::vector<Rational>>
      null_space;                         // a basis of the null space of A: x + its span are all stationary points
  std::vector<Rational> descent, ascent;  // directions along which f is unbounded below and above; else empty
};

inline constexpr int64_t kMaxExactSize = 300;

// By symmetric elimination M A M' = D with pivots of size 1 and 2, in rationals: every number is exact, and D and M are
// the certificate. Throws MathError as RequireQuadratic, and "too-large" beyond kMaxExactSize.
ExactSolution SolveExact(const ExactProblem& problem);

// f and its gradient, exactly.
Rational Evaluate(const ExactProblem& problem, const std::vector<Rational>& x);
std::vector<Rational> Gradient(const ExactProblem& problem, const std::vector<Rational>& x);

}  // namespace tessera::math::quadratic
