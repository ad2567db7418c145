#include "tessera/math/calculus/local.h"

#include <algorithm>

#include "tessera/math/calculus/rules.h"
#include "tessera/math/errors.h"

namespace tessera::math::calculus {
namespace {

bool IsWhole(const Real& value) { return value.is_exact() && value.exact().is_integer(); }

// A place where the operation of `node` is not smooth in its operands.
bool IsKink(const Node& node, const std::vector<Real>& values, const std::vector<bool>& depends) {
  const Real& a = values[static_cast<size_t>(node.a)];
  const Real& b = values[static_cast<size_t>(node.b >= 0 ? node.b : node.a)];
  const RealAlgebra algebra(256);
  switch (node.op) {
    case Op::kAbs:
    case Op::kSqrt:
      return Sign(a) == 0;
    case Op::kMax:
    case Op::kMin:
      return node.a != node.b && Sign(algebra.Apply(Op::kSubtract, a, b)) == 0;
    case Op::kAsin:
    case Op::kAcos:
      return Sign(algebra.Apply(Op::kSubtract, algebra.Apply(Op::kAbs, a), 1)) == 0;
    case Op::kAtan2:
      return Sign(b) < 0 && Sign(a) == 0;
    case Op::kPower:
      if (depends[static_cast<size_t>(node.b)]) return Sign(a) <= 0;
      return !(IsWhole(b) && b.exact().sign() >= 0) && Sign(a) == 0;
    default:
      return false;
  }
}

// Parts that are nowhere negative, as their form shows: what sqrt and powers need to have values all around.
std::vector<bool> NowhereNegative(const Graph& graph) {
  std::vector<bool> result(graph.size());
  for (size_t id = 0; id < graph.size(); ++id) {
    const Node& node = graph.nodes()[id];
    const bool a =
        node.a >= 0 && node.op != Op::kNumber && node.op != Op::kVariable && result[static_cast<size_t>(node.a)];
    const bool b = node.b >= 0 && result[static_cast<size_t>(node.b)];
    const auto even = [&](NodeId exponent) {
      if (!graph.IsNumber(exponent)) return false;
      const Rational& value = graph.number(graph.node(exponent));
      return value.is_integer() && value.numerator().is_even();
    };
    switch (node.op) {
      case Op::kNumber:
        result[id] = graph.number(node).sign() >= 0;
        break;
      case Op::kPi:
      case Op::kE:
      case Op::kAbs:
      case Op::kSqrt:
      case Op::kExp:
      case Op::kCosh:
        result[id] = true;
        break;
      case Op::kAdd:
      case Op::kDivide:
      case Op::kMin:
        result[id] = a && b;
        break;
      case Op::kMultiply:
        result[id] = (a && b) || node.a == node.b;
        break;
      case Op::kMax:
        result[id] = a || b;
        break;
      case Op::kPower:
        result[id] = a || even(node.b);
        break;
      default:
        break;
    }
  }
  return result;
}

class Analysis {
 public:
  Analysis(const Graph& graph, const std::vector<Real>& values, int64_t precision)
      : graph_(graph),
        values_(values),
        depends_(DependsOnVariables(graph)),
        nowhere_negative_(NowhereNegative(graph)),
        algebra_(precision),
        n_(graph.variables().size()) {}

  Local Of(NodeId root) {
    std::vector<Local> parts(static_cast<size_t>(root) + 1);
    for (NodeId id = 0; id <= root; ++id) {
      const Node& node = graph_.node(id);
      Local& own = parts[static_cast<size_t>(id)];
      if (!depends_[static_cast<size_t>(id)]) continue;
      if (node.op == Op::kVariable) {
        own.gradient.assign(n_, 0);
        own.gradient[static_cast<size_t>(node.a)] = 1;
        continue;
      }
      const Local& a = parts[static_cast<size_t>(node.a)];
      own = node.b >= 0 ? Binary(id, node, a, parts[static_cast<size_t>(node.b)]) : Unary(id, node, a);
    }
    Local result = parts.back();
    if (result.gradient.empty()) result.gradient.assign(n_, 0);
    return result;
  }

 private:
  const Graph& graph_;
  const std::vector<Real>& values_;
  std::vector<bool> depends_, nowhere_negative_;
  RealAlgebra algebra_;
  size_t n_;

  const Real& ValueOf(NodeId id) const { return values_[static_cast<size_t>(id)]; }
  static bool Smooth(const Local& u) { return u.smoothness <= Smoothness::kDifferentiable; }
  static bool IsZero(const Local& u) {
    return std::ranges::all_of(u.gradient, [](const Real& g) { return Sign(g) == 0; });
  }
  static Smoothness Worse(const Local& a, const Local& b) { return std::max(a.smoothness, b.smoothness); }

  void AddTo(std::vector<Real>& sum, const Local& u, const Real& factor) const {
    if (sum.empty()) sum.assign(n_, 0);
    for (size_t i = 0; i < u.gradient.size(); ++i)
      sum[i] = algebra_.Apply(Op::kAdd, sum[i], algebra_.Apply(Op::kMultiply, factor, u.gradient[i]));
  }

  // g(u) with g smooth at u0 and g'(u0) = slope
  Local Chain(const Local& u, const Real& slope) const {
    if (Smooth(u)) {
      Local result{u.smoothness, {}};
      AddTo(result.gradient, u, slope);
      return result;
    }
    // g(u) - g(u0) = O((u - u0)²) = O(h²)
    if (u.smoothness == Smoothness::kLipschitz && Sign(slope) == 0) return {Smoothness::kDifferentiable, {}};
    return {u.smoothness, {}};
  }

  // ab - a0 b0 = a0 (b - b0) + b0 (a - a0) + (a - a0)(b - b0), the last o(h) if one is Lipschitz and both continuous
  Local Product(const Local& a, const Real& a0, const Local& b, const Real& b0) const {
    const bool first = Smooth(b) || Sign(a0) == 0, second = Smooth(a) || Sign(b0) == 0;
    const bool last = Worse(a, b) < Smoothness::kJump && std::min(a.smoothness, b.smoothness) <= Smoothness::kLipschitz;
    if (!(first && second && last)) return {Worse(a, b), {}};
    Local result{Worse(a, b) == Smoothness::kAnalytic ? Smoothness::kAnalytic : Smoothness::kDifferentiable, {}};
    if (Smooth(b)) AddTo(result.gradient, b, a0);
    if (Smooth(a)) AddTo(result.gradient, a, b0);
    return result;
  }

  Local Unary(NodeId id, const Node& node, const Local& a) const {
    if (!IsKink(node, values_, depends_)) return Chain(a, PartialAt(graph_, id, values_, false, algebra_.precision()));
    if (node.op == Op::kAbs) {
      if (Smooth(a) && IsZero(a)) return {Smoothness::kDifferentiable, {}};
      return {std::max(a.smoothness, Smoothness::kLipschitz), {}};
    }
    if (node.op != Op::kSqrt || !nowhere_negative_[static_cast<size_t>(node.a)]) return {Smoothness::kJump, {}};
    // sqrt(O(h²)) = O(h)
    if (a.smoothness == Smoothness::kAnalytic && IsZero(a)) return {Smoothness::kLipschitz, {}};
    return {std::max(a.smoothness, Smoothness::kContinuous), {}};
  }

  // u^c at u = 0 with a number c > 0 that is not whole, or with an exponent that varies
  Local PowerAtZero(const Node& node, const Local& a) const {
    if (depends_[static_cast<size_t>(node.b)] || !nowhere_negative_[static_cast<size_t>(node.a)])
      return {Smoothness::kJump, {}};
    const bool above_one = Sign(algebra_.Apply(Op::kSubtract, ValueOf(node.b), 1)) > 0;
    if (above_one && a.smoothness <= Smoothness::kLipschitz) return {Smoothness::kDifferentiable, {}};  // O(h^c) = o(h)
    return {std::max(a.smoothness, Smoothness::kContinuous), {}};
  }

  Local Binary(NodeId id, const Node& node, const Local& a, const Local& b) const {
    const bool kink = IsKink(node, values_, depends_);
    switch (node.op) {
      case Op::kMultiply:
        return Product(a, ValueOf(node.a), b, ValueOf(node.b));
      case Op::kDivide: {
        const Real inverse = algebra_.Apply(Op::kDivide, 1, ValueOf(node.b));
        return Product(a, ValueOf(node.a),
                       Chain(b, algebra_.Apply(Op::kNegate, algebra_.Apply(Op::kMultiply, inverse, inverse))), inverse);
      }
      case Op::kMax:
      case Op::kMin:
        if (kink) return Tie(a, b);
        break;
      case Op::kAtan2:
        if (kink) return {Smoothness::kJump, {}};
        break;
      case Op::kPower:
        if (kink) return PowerAtZero(node, a);
        if (!depends_[static_cast<size_t>(node.b)])
          return Chain(a, PartialAt(graph_, id, values_, false, algebra_.precision()));
        break;
      default:
        break;
    }
    // Smooth in both operands there: linear to first order
    const bool smooth = Smooth(a) && Smooth(b);
    if (!smooth) {
      if (node.op == Op::kMax || node.op == Op::kMin) {  // one of them, strictly
        const bool first = Sign(algebra_.Apply(Op::kSubtract, ValueOf(node.a), ValueOf(node.b))) > 0;
        return first == (node.op == Op::kMax) ? a : b;
      }
      return {Worse(a, b), {}};
    }
    Local result{Worse(a, b), {}};
    if (depends_[static_cast<size_t>(node.a)])
      AddTo(result.gradient, a, PartialAt(graph_, id, values_, false, algebra_.precision()));
    if (depends_[static_cast<size_t>(node.b)])
      AddTo(result.gradient, b, PartialAt(graph_, id, values_, true, algebra_.precision()));
    return result;
  }

  Local Tie(const Local& a, const Local& b) const {
    if (Smooth(a) && Smooth(b)) {
      std::vector<Real> difference;
      AddTo(difference, a, 1);
      AddTo(difference, b, -1);
      if (IsZero({Smoothness::kAnalytic, difference}))
        return {Smoothness::kDifferentiable, a.gradient.empty() ? b.gradient : a.gradient};
    }
    return {std::max(Worse(a, b), Smoothness::kLipschitz), {}};
  }
};

}  // namespace

bool HasKink(const Graph& graph, NodeId root, const std::vector<Real>& values) {
  const std::vector<bool> depends = DependsOnVariables(graph);
  for (NodeId id = 0; id <= root; ++id)
    if (depends[static_cast<size_t>(id)] && OperandCount(graph.node(id).op) > 0 &&
        IsKink(graph.node(id), values, depends))
      return true;
  return false;
}

Local LocalBehaviour(const Graph& graph, NodeId root, const std::vector<Real>& values, int64_t precision) {
  return Analysis(graph, values, precision).Of(root);
}

Real PartialAt(const Graph& graph, NodeId id, const std::vector<Real>& values, bool second, int64_t precision) {
  const Node& node = graph.node(id);
  const Real& a = values[static_cast<size_t>(node.a)];
  const Real& b = values[static_cast<size_t>(node.b >= 0 ? node.b : node.a)];
  if (node.op == Op::kPower && !second && b.is_exact() && b.exact().is_zero()) return 0;  // x^0 is 1 everywhere
  RealAlgebra algebra(precision);
  Rules<RealAlgebra> rules{algebra};
  return second ? rules.Second(node.op, a, b, values[static_cast<size_t>(id)])
                : rules.First(node.op, a, b, values[static_cast<size_t>(id)]);
}

}  // namespace tessera::math::calculus
