#pragma once
// An expression in doubles, evaluated again and again: value, gradient by reverse mode, slope by forward mode.

#include <cstdint>
#include <span>
#include <vector>

#include "tessera/math/calculus/graph.h"

namespace tessera::math::calculus {

class Tape {
 public:
  Tape(const Graph& graph, NodeId root);

  // f(x); NaN where it has no value. x has one number a variable, in the graph's order.
  double Value(std::span<const double> x);
  // f(x), and its gradient written to `gradient`: one pass forward and one back, whatever the number of variables.
  double Gradient(std::span<const double> x, std::span<double> gradient);
  // f(x), and d/dt f(x + tv) at t = 0 written to `slope`: one pass forward.
  double Slope(std::span<const double> x, std::span<const double> v, double& slope);

 private:
  std::vector<Node> nodes_;
  std::vector<uint8_t> depends_;  // of each node: whether on a variable
  std::vector<uint32_t> to_do_;   // the nodes that a value takes: no numbers, no variables
  std::vector<double> values_, adjoints_;
  std::vector<size_t> variables_;  // the nodes of the variables, or none
};

// One operation in doubles, and its partial derivatives by the rules.
double ApplyDouble(Op op, double a, double b);
struct Partials {
  double a = 0, b = 0;
};
Partials PartialsDouble(Op op, double a, double b, double y);

}  // namespace tessera::math::calculus
