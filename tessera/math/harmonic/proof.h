#pragma once
// The picture proof that H_n - ln n tends to a constant.

#include "tessera/math/plot/figure.h"

namespace tessera::math::harmonic {

// The staircase of 1/k above the curve 1/x. What sticks out, a chip on each step, slides left into the unit square,
// where chips lie on different heights: together they fill γ of it. What they leave of the lowest strip, 1/n high, is
// close to the triangle 1/(2n). 2 <= n <= 40.
plot::Figure ProofFigure(int n);

}  // namespace tessera::math::harmonic
