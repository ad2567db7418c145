#pragma once
// Pólya's question: does a drunkard in d dimensions ever come home? (Pólya 1921)

#include "tessera/math/number/ball.h"

namespace tessera::math::walk {

// E[number of visits to the origin, the start included], d >= 3; infinite for d <= 2, where MathError "domain" says so.
//   u = ∫_0^∞ e^-t I_0(t/d)^d dt                                                             (Montroll 1956)
// For d = 3 from Watson's closed form sqrt 6/(32 π³) Γ(1/24) Γ(5/24) Γ(7/24) Γ(11/24). Beyond, the integral to a finite
// bound in ball arithmetic, and the rest from Hankel's expansion of I_0 with its error bound (DLMF 10.40).
// Throws MathError "too-large" for d > 64.
Ball ExpectedVisits(int d, int64_t precision);
// The same without the closed form.
Ball ExpectedVisitsByIntegral(int d, int64_t precision);

// P(the walk ever returns to the origin) = 1 - 1/u; 1 for d = 1 and 2.
Ball ReturnProbability(int d, int64_t precision);

}  // namespace tessera::math::walk
