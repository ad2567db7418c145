#pragma once
// How the parts of a formula behave near a point where some of them have kinks.

#include <vector>

#include "tessera/math/calculus/number.h"

namespace tessera::math::calculus {

enum class Smoothness {
  kAnalytic,        // twice differentiable near the point, and more
  kDifferentiable,  // at the point
  kLipschitz,       // |u(x) - u(x0)| <= C |x - x0|
  kContinuous,      // with values all around
  kJump,            // not even that, or not known to have values nearby
};

struct Local {
  Smoothness smoothness = Smoothness::kAnalytic;
  std::vector<Real> gradient;  // if differentiable; empty stands for zeros
};

// Whether any part that depends on a variable is at a place where its operation is not smooth.
bool HasKink(const Graph& graph, NodeId root, const std::vector<Real>& values);
// Of the root.
Local LocalBehaviour(const Graph& graph, NodeId root, const std::vector<Real>& values, int64_t precision);
// The partial derivative of a node by its first or second operand, by the rules.
Real PartialAt(const Graph& graph, NodeId id, const std::vector<Real>& values, bool second, int64_t precision);

}  // namespace tessera::math::calculus
