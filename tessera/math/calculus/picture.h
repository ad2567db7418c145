#pragma once
// Pictures of a function and its gradient.

#include "tessera/math/calculus/gradient.h"
#include "tessera/math/plot/figure.h"

namespace tessera::math::calculus {

// One variable: the graph with its tangent. Two: lines of equal height, the gradient's arrow, and the circle that D_u f
// draws when u turns: its points lie from the place in the direction u, as far as D_u f is large. `directions` are
// drawn as thin arrows. REQUIRES: formula.order.size() is 1 or 2.
plot::Figure GradientFigure(const Formula& formula, const std::vector<Rational>& point,
                            const std::vector<double>& gradient, const std::vector<std::vector<double>>& directions);

// Any number of variables: f on straight lines through the point, along the axes whose partial derivatives are largest
// (or the first ones, where there is no gradient) and along `directions`, against the way along the unit vector.
plot::Figure SectionsFigure(const Formula& formula, const std::vector<Rational>& point,
                            const std::vector<double>& gradient, const std::vector<std::vector<double>>& directions);

// Without a point: one variable, f and its derivative; two, lines of equal height; around the origin.
// REQUIRES: formula.order.size() is 1 or 2.
plot::Figure FormulaFigure(const Formula& formula);

}  // namespace tessera::math::calculus
