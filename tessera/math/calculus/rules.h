#pragma once
// The derivative of every operation, written once for every kind of number: doubles, balls, and expressions themselves.
// Reverse mode, forward mode and symbols all use these; the engine's operators are tested against them.
//
// An Algebra has a type Value and the functions Number(int64), Apply(Op, a) and Apply(Op, a, b).

#include <utility>

#include "tessera/math/calculus/graph.h"

namespace tessera::math::calculus {

template <typename Algebra>
struct Rules {
  using Value = typename Algebra::Value;
  Algebra& algebra;

  // ∂y/∂a of y = op(a, b); `b` is a itself for operations of one operand.
  Value First(Op op, const Value& a, const Value& b, const Value& y) {
    switch (op) {
      case Op::kAdd:
      case Op::kSubtract:
        return N(1);
      case Op::kMultiply:
        return b;
      case Op::kDivide:
        return Div(N(1), b);
      case Op::kNegate:
        return N(-1);
      case Op::kPower:
        return Mul(b, algebra.Apply(Op::kPower, a, Sub(b, N(1))));  // b a^(b-1)
      case Op::kSin:
        return algebra.Apply(Op::kCos, a);
      case Op::kCos:
        return Neg(algebra.Apply(Op::kSin, a));
      case Op::kTan:
        return Add(N(1), Mul(y, y));
      case Op::kAsin:
        return Div(N(1), Sqrt(Sub(N(1), Mul(a, a))));
      case Op::kAcos:
        return Neg(Div(N(1), Sqrt(Sub(N(1), Mul(a, a)))));
      case Op::kAtan:
        return Div(N(1), Add(N(1), Mul(a, a)));
      case Op::kSinh:
        return algebra.Apply(Op::kCosh, a);
      case Op::kCosh:
        return algebra.Apply(Op::kSinh, a);
      case Op::kTanh:
        return Sub(N(1), Mul(y, y));
      case Op::kExp:
        return y;
      case Op::kLn:
        return Div(N(1), a);
      case Op::kSqrt:
        return Div(N(1), Mul(N(2), y));
      case Op::kAbs:
        return Div(a, y);  // its sign, in words that the parser knows
      case Op::kAtan2:
        return Div(b, Add(Mul(a, a), Mul(b, b)));  // a is the ordinate
      case Op::kMax:
        return Larger(a, b);
      case Op::kMin:
        return Larger(b, a);
      default:
        return N(0);
    }
  }

  // ∂y/∂b
  Value Second(Op op, const Value& a, const Value& b, const Value& y) {
    switch (op) {
      case Op::kAdd:
        return N(1);
      case Op::kSubtract:
        return N(-1);
      case Op::kMultiply:
        return a;
      case Op::kDivide:
        return Neg(Div(y, b));
      case Op::kPower:
        return Mul(y, algebra.Apply(Op::kLn, a));
      case Op::kAtan2:
        return Neg(Div(a, Add(Mul(a, a), Mul(b, b))));
      case Op::kMax:
        return Larger(b, a);
      case Op::kMin:
        return Larger(a, b);
      default:
        return N(0);
    }
  }

  // 1 if a > b, 0 if a < b: (1 + (a - b)/|a - b|)/2
  Value Larger(const Value& a, const Value& b) {
    const Value difference = Sub(a, b);
    return Div(Add(N(1), Div(difference, algebra.Apply(Op::kAbs, difference))), N(2));
  }
  Value N(int64_t value) { return algebra.Number(value); }
  Value Add(const Value& a, const Value& b) { return algebra.Apply(Op::kAdd, a, b); }
  Value Sub(const Value& a, const Value& b) { return algebra.Apply(Op::kSubtract, a, b); }
  Value Mul(const Value& a, const Value& b) { return algebra.Apply(Op::kMultiply, a, b); }
  Value Div(const Value& a, const Value& b) { return algebra.Apply(Op::kDivide, a, b); }
  Value Neg(const Value& a) { return algebra.Apply(Op::kNegate, a); }
  Value Sqrt(const Value& a) { return algebra.Apply(Op::kSqrt, a); }
};

// Expressions as numbers.
struct GraphAlgebra {
  using Value = NodeId;
  Graph& graph;
  Value Number(int64_t value) { return graph.Number(value); }
  Value Apply(Op op, Value a) { return graph.Simple(op, a); }
  Value Apply(Op op, Value a, Value b) { return graph.Simple(op, a, b); }
};

// Whether a node's value depends on a variable, for every node.
std::vector<bool> DependsOnVariables(const Graph& graph);

// ∂root/∂variable for every variable, by reverse mode on the expression: together the partials have at most a constant
// times as many parts as the expression, because they share them. New nodes go to `graph`.
std::vector<NodeId> SymbolicGradient(Graph& graph, NodeId root);

}  // namespace tessera::math::calculus
