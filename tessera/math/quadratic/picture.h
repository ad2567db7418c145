#pragma once
// Pictures of quadratics.

#include "tessera/math/plot/figure.h"
#include "tessera/math/quadratic/quadratic.h"

namespace tessera::math::quadratic {

// Two variables: lines of equal height around the stationary point (or the origin), and for a minimum or maximum the
// path of conjugate gradients, two steps, beside the zigzag of steepest descent. REQUIRES: problem.n == 2
plot::Figure ContourFigure(const ExactProblem& problem, const ExactSolution& solution,
                           const std::vector<std::string>& variables);
// The residual against the iteration, on a logarithmic axis.
plot::Figure ResidualFigure(const std::vector<double>& residuals, const std::string& method);

}  // namespace tessera::math::quadratic
