#include "tessera/math/calculus/gradient.h"

#include <algorithm>
#include <numeric>

#include "tessera/math/calculus/local.h"
#include "tessera/math/calculus/parse.h"
#include "tessera/math/calculus/rules.h"
#include "tessera/math/errors.h"

namespace tessera::math::calculus {
namespace {

constexpr size_t kMaxKinkWork = 400'000;  // parts times variables, where kinks make every part carry its own gradient

// "x2" before "x10": numbers within names count as numbers.
bool NameBefore(const std::string& a, const std::string& b) {
  const size_t from_a = a.find_first_of("0123456789"), from_b = b.find_first_of("0123456789");
  if (from_a != std::string::npos && from_a == from_b && a.substr(0, from_a) == b.substr(0, from_b) &&
      a.size() != b.size() && a.find_first_not_of("0123456789", from_a) == std::string::npos &&
      b.find_first_not_of("0123456789", from_b) == std::string::npos)
    return a.size() < b.size();
  return a < b;
}

// ∇f by reverse mode, where no part has a kink.
std::vector<Real> ReverseMode(const Graph& graph, NodeId root, const std::vector<Real>& values, int64_t precision) {
  const std::vector<bool> depends = DependsOnVariables(graph);
  std::vector<Real> adjoint(values.size()), gradient(graph.variables().size());
  RealAlgebra algebra(precision);
  adjoint.back() = 1;
  for (NodeId id = root; id >= 0; --id) {
    const Node& node = graph.node(id);
    const Real& above = adjoint[static_cast<size_t>(id)];
    if (!depends[static_cast<size_t>(id)] || (above.is_exact() && above.exact().is_zero())) continue;
    if (node.op == Op::kVariable) {
      gradient[static_cast<size_t>(node.a)] = above;
      continue;
    }
    for (const bool second : {false, true}) {
      const NodeId operand = second ? node.b : node.a;
      if (operand < 0 || !depends[static_cast<size_t>(operand)]) continue;
      Real& sum = adjoint[static_cast<size_t>(operand)];
      sum = algebra.Apply(Op::kAdd, sum,
                          algebra.Apply(Op::kMultiply, above, PartialAt(graph, id, values, second, precision)));
    }
  }
  return gradient;
}

std::string Describe(const OneSided& d) {
  switch (d.kind) {
    case OneSided::Kind::kPlusInfinity:
      return "+inf";
    case OneSided::Kind::kMinusInfinity:
      return "-inf";
    case OneSided::Kind::kUndefined:
      return "undefined";
    default:
      return d.value.is_exact() ? d.value.exact().ToString() : fmt::format("{:.12g}", d.value.ToDouble());
  }
}

bool Differs(const Real& a, const Real& b, int64_t precision) {
  return Sign(RealAlgebra(precision).Apply(Op::kSubtract, a, b)) != 0;
}

// Compares one-sided derivatives: along the axes both ways, then along directions between them. Fills the reason if
// there is no gradient; throws undecided if nothing speaks against one, which is no proof.
std::string ReasonByDirections(const Formula& f, const std::vector<Rational>& point, int64_t precision) {
  const size_t n = point.size();
  const RealAlgebra algebra(precision);
  std::vector<Real> gradient(n);
  for (size_t i = 0; i < n; ++i) {
    std::vector<Real> v(n);
    v[i] = 1;
    const OneSided forward = OneSidedDerivative(f.graph, f.root, point, v, precision);
    v[i] = -1;
    const OneSided back = OneSidedDerivative(f.graph, f.root, point, v, precision);
    const bool values = forward.kind == OneSided::Kind::kValue && back.kind == OneSided::Kind::kValue;
    if (!values || Differs(forward.value, algebra.Apply(Op::kNegate, back.value), precision)) {
      const std::string& name = f.graph.variables()[i];
      return fmt::format(
          "the one-sided slope along +{} is {}, along -{} it is {}; with a gradient they would be opposite numbers",
          name, Describe(forward), name, Describe(back));
    }
    gradient[i] = forward.value;
  }
  for (size_t round = 0; round < 2 * n && n > 1; ++round) {
    std::vector<Real> v(n);
    v[round % n] = 1;
    v[(round + 1) % n] = round < n ? 1 : -2;
    const OneSided slope = OneSidedDerivative(f.graph, f.root, point, v, precision);
    Real linear = 0;
    for (size_t i = 0; i < n; ++i)
      linear = algebra.Apply(Op::kAdd, linear, algebra.Apply(Op::kMultiply, gradient[i], v[i]));
    if (slope.kind != OneSided::Kind::kValue || Differs(slope.value, linear, precision))
      return fmt::format(
          "all partial derivatives exist, but between the axes the slope is {}, not {:.12g} as they would make it",
          Describe(slope), linear.ToDouble());
  }
  FailUndecided("the one-sided slopes fit a gradient, but at this kink that is no proof that there is one");
}

}  // namespace

Formula ReadFormula(std::string_view text) {
  Formula f;
  f.root = ParseExpression(text, f.graph);
  f.order.resize(f.graph.variables().size());
  std::iota(f.order.begin(), f.order.end(), size_t{0});
  std::ranges::sort(f.order,
                    [&](size_t a, size_t b) { return NameBefore(f.graph.variables()[a], f.graph.variables()[b]); });
  return f;
}

std::vector<Assignment> ReadAssignments(std::string_view text, std::string_view what) {
  std::vector<Assignment> result;
  for (size_t from = 0; from <= text.size();) {
    const size_t comma = std::min(text.find(',', from), text.size());
    std::string_view item = text.substr(from, comma - from);
    std::string name;
    if (const size_t equals = item.find('='); equals != std::string_view::npos) {
      name = std::string(item.substr(0, equals));
      std::erase(name, ' ');
      item.remove_prefix(equals + 1);
    }
    result.push_back({name, ParseRational(item, what)});
    from = comma + 1;
  }
  return result;
}

std::vector<Rational> BindPoint(const Formula& f, const std::vector<Assignment>& assignments) {
  std::vector<std::optional<Rational>> found(f.order.size());
  size_t next = 0;
  for (const Assignment& a : assignments) {
    if (a.name.empty()) {
      if (next < f.order.size()) found[f.order[next]] = a.value;
      ++next;
      continue;
    }
    for (size_t i = 0; i < found.size(); ++i)
      if (f.graph.variables()[i] == a.name) found[i] = a.value;
  }
  if (next > f.order.size())
    FailInput("dimension", "--at gives {} values but the formula has {} variables", next, f.order.size());
  std::vector<Rational> point;
  for (size_t i = 0; i < found.size(); ++i) {
    if (!found[i])
      FailInput("unbound-variable", "the variable {} has no value; give it with --at {}=…", f.graph.variables()[i],
                f.graph.variables()[i]);
    point.push_back(*found[i]);
  }
  return point;
}

GradientAt DifferentiateAt(const Formula& f, const std::vector<Rational>& point, int64_t precision) {
  const std::vector<Real> values = EvaluateAll(f.graph, f.root, point, precision);
  GradientAt result{.value = values.back()};
  if (!HasKink(f.graph, f.root, values)) {
    result.differentiable = result.smooth = true;
    result.gradient = ReverseMode(f.graph, f.root, values, precision);
    return result;
  }
  if (values.size() > kMaxKinkWork / std::max<size_t>(1, point.size()))
    FailUndecided("the formula has a kink there and is too long to look into it");
  const Local local = LocalBehaviour(f.graph, f.root, values, precision);
  if (local.smoothness <= Smoothness::kDifferentiable) {
    result.differentiable = true;
    result.gradient = local.gradient;
    return result;
  }
  result.reason = ReasonByDirections(f, point, precision);
  return result;
}

Substituted Substitute(const Graph& graph, const std::vector<NodeId>& roots, const std::vector<Rational>& point) {
  Substituted result;
  NodeId last = 0;
  for (const NodeId root : roots) last = std::max(last, root);
  std::vector<NodeId> image(static_cast<size_t>(last) + 1);
  for (NodeId id = 0; id <= last; ++id) {
    const Node& node = graph.node(id);
    NodeId& to = image[static_cast<size_t>(id)];
    switch (node.op) {
      case Op::kNumber:
        to = result.graph.Number(graph.number(node));
        break;
      case Op::kVariable:
        to = result.graph.Number(point[static_cast<size_t>(node.a)]);
        break;
      case Op::kPi:
      case Op::kE:
        to = result.graph.Constant(node.op);
        break;
      default:
        to = result.graph.Simple(node.op, image[static_cast<size_t>(node.a)],
                                 node.b >= 0 ? image[static_cast<size_t>(node.b)] : -1);
    }
  }
  for (const NodeId root : roots) result.roots.push_back(image[static_cast<size_t>(root)]);
  return result;
}

}  // namespace tessera::math::calculus
