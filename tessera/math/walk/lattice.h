#pragma once
// Walks on the square and the cubic lattice: 2d directions, equally likely, from the origin.
//
// Exact counts: in the plane x + y and x - y are two independent walks on the line, hence C(2m, m)² ways back; in space
// C(2m, m) Σ_k C(m, k)² C(2k, k). First returns come from U(z) = 1/(1 - F(z)). d is 1, 2 or 3.
// Throws MathError "domain" for another d or a negative n, "too-large" beyond kMaxLatticeSteps.

#include <span>
#include <vector>

#include "tessera/math/number/rational.h"

namespace tessera::math::walk {

inline constexpr int64_t kMaxLatticeSteps = 4000, kMaxLatticeDoubles = 200'000;

// P(the walk is at `place` after n steps); place has d coordinates
Rational LatticePoint(int64_t n, std::span<const int64_t> place);
// P(back at the origin at step n)
Rational LatticeReturnAt(int d, int64_t n);
// P(the first return is at step n); P(some return within n steps); E[places visited in n steps, the start included]
Rational LatticeFirstReturn(int d, int64_t n);
Rational LatticeReturnWithin(int d, int64_t n);
Rational LatticeExpectedSites(int d, int64_t n);

// P(first return at step 2m) for m = 0 … n/2 in doubles, for longer walks; relative error below 1e-9.
std::vector<double> LatticeFirstReturns(int d, int64_t n);

}  // namespace tessera::math::walk
