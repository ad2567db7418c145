#pragma once
// Pictures of how harmonic numbers grow and how well the expansion knows them. The picture proof is in proof.h.

#include "tessera/math/number/integer.h"
#include "tessera/math/number/rational.h"
#include "tessera/math/plot/figure.h"

namespace tessera::math::harmonic {

// H_n against n on a logarithmic axis, a straight line in the end, and where it crosses x: n is the least with H_n > x.
// Where n fits no double the axis is log10 n.
plot::Figure ThresholdFigure(const Rational& x, const Integer& n);

// What is missing to H_n after ln n + γ, after + 1/(2n), after - 1/(12n²), after + 1/(120n⁴): on logarithmic axes
// straight lines of slope -1, -2, -4, -6.
plot::Figure ExpansionFigure();

}  // namespace tessera::math::harmonic
