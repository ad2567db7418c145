#pragma once
// Pictures of floating point numbers.

#include "tessera/math/number/float_format.h"
#include "tessera/math/plot/figure.h"

namespace tessera::math {

// The bits as coloured cells, and below them the number on the line between its neighbours, with the stretch that
// rounds to the same bits.
plot::Figure FloatFigure(const Rational& value, const FloatNumber& number, const FloatFormat& format);

// The distance to the next number, relative to the number, against its size, for every format: where the teeth are is
// the range, and how low they are is the precision.
plot::Figure SpacingFigure();

}  // namespace tessera::math
