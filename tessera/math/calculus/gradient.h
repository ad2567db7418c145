#pragma once
// The gradient of a formula at a point, with the proof that there is one, or the reason why not.
//
//   ∇f = (∂f/∂x_1 … ∂f/∂x_n),   D_u f = ∇f·u for |u| = 1, largest, |∇f|, where u points along ∇f.
//
// At a kink (abs at 0, max of equal numbers, sqrt at 0) the partial derivatives alone prove nothing. There the parts of
// the expression are judged by how they behave near the point: |u| with u = 0 and ∇u = 0 is differentiable, and so is a
// product of something continuous with something that vanishes; so x|x| has the gradient 0 at 0. Where that does not
// decide, one-sided derivatives do: along v and -v they must be opposite, and linear in v.

#include <optional>
#include <string>
#include <vector>

#include "tessera/math/calculus/number.h"
#include "tessera/math/calculus/one_sided.h"

namespace tessera::math::calculus {

struct Formula {
  Graph graph;
  NodeId root = 0;
  std::vector<size_t> order;  // of the variables, by name: x2 before x10; indices into graph.variables()
};
Formula ReadFormula(std::string_view text);

struct Assignment {
  std::string name;  // empty: the next variable in the order
  Rational value;
};
// "1,2" or "x=1,y=1/2". Throws MathError "syntax".
std::vector<Assignment> ReadAssignments(std::string_view text, std::string_view what);
// One value a variable, in the graph's order. Names that the formula lacks are ignored. Throws MathError
// "unbound-variable" for one that has no value.
std::vector<Rational> BindPoint(const Formula& formula, const std::vector<Assignment>& assignments);

struct GradientAt {
  Real value;
  bool differentiable = false;
  bool smooth = false;         // no kink anywhere at the point: the symbolic partials hold there
  std::vector<Real> gradient;  // in the graph's order, if differentiable
  std::string reason;          // why it is not
};
// Throws MathError: "domain", no answer, where f has no value; undecided.
GradientAt DifferentiateAt(const Formula& formula, const std::vector<Rational>& point, int64_t precision);

// Numbers in place of the variables, simplified: "3*cos(3/2) + 1/3*exp(1/6)". REQUIRES a smooth point.
struct Substituted {
  Graph graph;
  std::vector<NodeId> roots;
};
Substituted Substitute(const Graph& graph, const std::vector<NodeId>& roots, const std::vector<Rational>& point);

}  // namespace tessera::math::calculus
