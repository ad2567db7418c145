#pragma once
// Pictures of quadratics.

#include <functional>

#include "tessera/math/plot/figure.h"
#include "tessera/math/quadratic/quadratic.h"

namespace tessera::math::quadratic {

// Two variables: lines of equal height around the stationary point (or the origin), and for a minimum or maximum the
// path of conjugate gradients, two steps, beside the zigzag of steepest descent. REQUIRES: problem.n == 2
plot::Figure ContourFigure(const ExactProblem& problem, const ExactSolution& solution,
                           const std::vector<std::string>& variables);
// More variables: residuals of conjugate gradients and of steepest descent for an extremum, else f along the directions
// in which it is unbounded.
plot::Figure ManyVariablesFigure(const ExactProblem& problem, const ExactSolution& solution);
// Residuals of conjugate gradients and of steepest descent on x'Ax + b'x, against the iteration. multiply(x, y) writes
// y = sign · A x, which is positive semidefinite; `work` is about what one product costs, in operations. If b = 0 the
// methods start elsewhere, since 0 is the answer.
using Product = std::function<void(const std::vector<double>& x, std::vector<double>& y)>;
plot::Figure DescentFigure(const Product& multiply, const std::vector<double>& b, double work);
// The stationary point's parts, and those of the directions along which f falls and grows; empty ones are left out.
plot::Figure PartsFigure(const std::vector<double>& x, const std::vector<double>& descent,
                         const std::vector<double>& ascent);
// The residual against the iteration, on a logarithmic axis.
plot::Figure ResidualFigure(const std::vector<double>& residuals, const std::string& method);

}  // namespace tessera::math::quadratic
