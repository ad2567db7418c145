#include "tessera/math/calculus/tape.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tessera/math/calculus/rules.h"

namespace tessera::math::calculus {
namespace {

struct DoubleAlgebra {
  using Value = double;
  double Number(int64_t value) const { return static_cast<double>(value); }
  double Apply(Op op, double a) const { return ApplyDouble(op, a, a); }
  double Apply(Op op, double a, double b) const { return ApplyDouble(op, a, b); }
};

}  // namespace

double ApplyDouble(Op op, double a, double b) {
  switch (op) {
    case Op::kAdd:
      return a + b;
    case Op::kSubtract:
      return a - b;
    case Op::kMultiply:
      return a * b;
    case Op::kDivide:
      return a / b;
    case Op::kNegate:
      return -a;
    case Op::kPower:
      return b == 2 ? a * a : b == 1 ? a : std::pow(a, b);
    case Op::kSin:
      return std::sin(a);
    case Op::kCos:
      return std::cos(a);
    case Op::kTan:
      return std::tan(a);
    case Op::kAsin:
      return std::asin(a);
    case Op::kAcos:
      return std::acos(a);
    case Op::kAtan:
      return std::atan(a);
    case Op::kSinh:
      return std::sinh(a);
    case Op::kCosh:
      return std::cosh(a);
    case Op::kTanh:
      return std::tanh(a);
    case Op::kExp:
      return std::exp(a);
    case Op::kLn:
      return std::log(a);
    case Op::kSqrt:
      return std::sqrt(a);
    case Op::kAbs:
      return std::abs(a);
    case Op::kAtan2:
      return std::atan2(a, b);
    case Op::kMax:  // of a known and an unknown number: unknown
      return std::isnan(a) || std::isnan(b) ? NAN : std::max(a, b);
    case Op::kMin:
      return std::isnan(a) || std::isnan(b) ? NAN : std::min(a, b);
    case Op::kPi:
      return std::numbers::pi;
    case Op::kE:
      return std::numbers::e;
    default:
      return 0;
  }
}

Partials PartialsDouble(Op op, double a, double b, double y) {
  DoubleAlgebra algebra;
  Rules<DoubleAlgebra> rules{algebra};
  return {rules.First(op, a, b, y), OperandCount(op) > 1 ? rules.Second(op, a, b, y) : 0};
}

Tape::Tape(const Graph& graph, NodeId root)
    : nodes_(graph.nodes().begin(), graph.nodes().begin() + root + 1),
      values_(nodes_.size()),
      adjoints_(nodes_.size()),
      variables_(graph.variables().size(), nodes_.size()) {
  const std::vector<bool> depends = DependsOnVariables(graph);
  depends_.assign(depends.begin(), depends.begin() + root + 1);
  for (size_t id = 0; id < nodes_.size(); ++id) {
    const Node& node = nodes_[id];
    if (node.op == Op::kVariable) variables_[static_cast<size_t>(node.a)] = id;
    if (node.op == Op::kNumber) {
      const double value = graph.number(node).ToDouble();
      values_[id] = std::isfinite(value) ? value : std::nan("");  // no double stands for it: an infinity would lie
    }
    if (node.op <= Op::kVariable) continue;
    if (depends_[id]) {
      to_do_.push_back(static_cast<uint32_t>(id));
    } else {  // the same at every point
      const double a = node.a >= 0 ? values_[static_cast<size_t>(node.a)] : 0;
      values_[id] = ApplyDouble(node.op, a, node.b >= 0 ? values_[static_cast<size_t>(node.b)] : a);
    }
  }
}

double Tape::Value(std::span<const double> x) {
  for (size_t i = 0; i < variables_.size(); ++i)
    if (variables_[i] < nodes_.size()) values_[variables_[i]] = x[i];
  for (const uint32_t id : to_do_) {
    const Node& node = nodes_[id];
    const double a = values_[static_cast<size_t>(node.a)];
    values_[id] = ApplyDouble(node.op, a, node.b >= 0 ? values_[static_cast<size_t>(node.b)] : a);
  }
  return values_.back();
}

double Tape::Gradient(std::span<const double> x, std::span<double> gradient) {
  const double value = Value(x);
  std::ranges::fill(adjoints_, 0.0);
  adjoints_.back() = 1;
  DoubleAlgebra algebra;
  Rules<DoubleAlgebra> rules{algebra};
  for (size_t k = to_do_.size(); k-- > 0;) {
    const size_t id = to_do_[k];
    const Node& node = nodes_[id];
    const double above = adjoints_[id];
    if (above == 0) continue;
    const auto a = static_cast<size_t>(node.a), b = static_cast<size_t>(node.b >= 0 ? node.b : node.a);
    if (depends_[a]) adjoints_[a] += above * rules.First(node.op, values_[a], values_[b], values_[id]);
    if (node.b >= 0 && depends_[b]) adjoints_[b] += above * rules.Second(node.op, values_[a], values_[b], values_[id]);
  }
  for (size_t i = 0; i < variables_.size(); ++i)
    gradient[i] = variables_[i] < nodes_.size() ? adjoints_[variables_[i]] : 0;
  return value;
}

double Tape::Slope(std::span<const double> x, std::span<const double> v, double& slope) {
  const double value = Value(x);
  DoubleAlgebra algebra;
  Rules<DoubleAlgebra> rules{algebra};
  std::vector<double>& tangents = adjoints_;
  std::ranges::fill(tangents, 0.0);
  for (size_t id = 0; id < nodes_.size(); ++id) {
    const Node& node = nodes_[id];
    if (!depends_[id]) continue;
    if (node.op == Op::kVariable) {
      tangents[id] = v[static_cast<size_t>(node.a)];
      continue;
    }
    const auto a = static_cast<size_t>(node.a), b = static_cast<size_t>(node.b >= 0 ? node.b : node.a);
    if (depends_[a]) tangents[id] += tangents[a] * rules.First(node.op, values_[a], values_[b], values_[id]);
    if (node.b >= 0 && depends_[b])
      tangents[id] += tangents[b] * rules.Second(node.op, values_[a], values_[b], values_[id]);
  }
  slope = tangents.back();
  return value;
}

}  // namespace tessera::math::calculus
