#include "tessera/math/calculus/graph.h"

#include <array>
#include <limits>

#include "tessera/math/errors.h"

namespace tessera::math::calculus {
namespace {

constexpr std::array<std::pair<std::string_view, Op>, 16> kFunctions = {{
    {"sin", Op::kSin},
    {"cos", Op::kCos},
    {"tan", Op::kTan},
    {"asin", Op::kAsin},
    {"acos", Op::kAcos},
    {"atan", Op::kAtan},
    {"sinh", Op::kSinh},
    {"cosh", Op::kCosh},
    {"tanh", Op::kTanh},
    {"exp", Op::kExp},
    {"ln", Op::kLn},
    {"sqrt", Op::kSqrt},
    {"abs", Op::kAbs},
    {"max", Op::kMax},
    {"min", Op::kMin},
    {"atan2", Op::kAtan2},
}};

size_t Hash(const Node& node) {
  const uint64_t key = static_cast<uint64_t>(node.op) * 0x9E3779B97F4A7C15u ^
                       static_cast<uint32_t>(node.a) * 0xC2B2AE3D27D4EB4Fu ^
                       (static_cast<uint64_t>(static_cast<uint32_t>(node.b)) << 32 | static_cast<uint32_t>(node.b)) *
                           0x165667B19E3779F9u;
  return static_cast<size_t>(key ^ key >> 29);
}

bool Same(const Node& x, const Node& y) { return x.op == y.op && x.a == y.a && x.b == y.b; }

constexpr int64_t kMaxFoldedBits = 1 << 16;  // of a number that simplification computes

}  // namespace

int OperandCount(Op op) {
  if (op <= Op::kE) return 0;
  if (op == Op::kNegate) return 1;
  if (op <= Op::kPower || (op >= Op::kAtan2 && op <= Op::kMin)) return 2;
  return 1;
}

std::string_view FunctionName(Op op) {
  for (const auto& [name, function] : kFunctions)
    if (function == op) return name;
  return "";
}

bool FindFunction(std::string_view name, Op& op) {
  for (const auto& [known, function] : kFunctions)
    if (known == name) return (op = function, true);
  return false;
}

NodeId Graph::Number(const Rational& value) {
  const std::string key = value.ToString();
  const auto found = number_ids_.find(key);
  if (found != number_ids_.end()) return found->second;
  numbers_.push_back(value);
  const NodeId id = Intern({Op::kNumber, static_cast<NodeId>(numbers_.size() - 1), -1});
  number_ids_.emplace(key, id);
  return id;
}

NodeId Graph::Variable(std::string_view name) {
  const auto found = variable_ids_.find(std::string(name));
  if (found != variable_ids_.end()) return found->second;
  variables_.emplace_back(name);
  const NodeId id = Intern({Op::kVariable, static_cast<NodeId>(variables_.size() - 1), -1});
  variable_ids_.emplace(name, id);
  return id;
}

NodeId Graph::Intern(const Node& node) {
  if (2 * (nodes_.size() + 1) > table_.size()) Grow();
  const size_t mask = table_.size() - 1;
  size_t at = Hash(node) & mask;
  for (; table_[at] >= 0; at = (at + 1) & mask)
    if (Same(nodes_[static_cast<size_t>(table_[at])], node)) return table_[at];
  if (nodes_.size() >= static_cast<size_t>(std::numeric_limits<NodeId>::max()))
    FailInput("too-large", "expression: more than 2^31 parts");
  nodes_.push_back(node);
  return table_[at] = static_cast<NodeId>(nodes_.size() - 1);
}

void Graph::Grow() {
  table_.assign(std::max<size_t>(64, 4 * table_.size()), -1);
  const size_t mask = table_.size() - 1;
  for (size_t id = 0; id < nodes_.size(); ++id) {
    size_t at = Hash(nodes_[id]) & mask;
    while (table_[at] >= 0) at = (at + 1) & mask;
    table_[at] = static_cast<NodeId>(id);
  }
}

// Exact values of functions at numbers, where there are any.
NodeId Graph::SimpleNumber(Op op, NodeId a, NodeId b) {
  if (!IsNumber(a) || (OperandCount(op) == 2 && !IsNumber(b))) return -1;
  const Rational x = number(node(a)), y = b >= 0 ? number(node(b)) : Rational(0);
  if (x.bits() + y.bits() > kMaxFoldedBits) return -1;
  switch (op) {
    case Op::kAdd:
      return Number(x + y);
    case Op::kSubtract:
      return Number(x - y);
    case Op::kMultiply:
      return Number(x * y);
    case Op::kDivide:
      return y.is_zero() ? -1 : Number(x / y);
    case Op::kNegate:
      return Number(-x);
    case Op::kAbs:
      return Number(Abs(x));
    case Op::kMax:
      return x < y ? b : a;
    case Op::kMin:
      return x < y ? a : b;
    case Op::kPower: {
      if (!y.is_integer() || !y.numerator().FitsInt64()) return -1;
      const int64_t exponent = y.numerator().ToInt64();
      if ((x.is_zero() && exponent <= 0) || std::abs(exponent) > kMaxFoldedBits / (x.bits() + 1)) return -1;
      return Number(Power(x, exponent));
    }
    case Op::kSqrt: {
      if (x.sign() < 0 || !fmpz_is_square(fmpq_numref(x.raw())) || !fmpz_is_square(fmpq_denref(x.raw()))) return -1;
      Integer above, below;
      fmpz_sqrt(above.raw(), fmpq_numref(x.raw()));
      fmpz_sqrt(below.raw(), fmpq_denref(x.raw()));
      return Number(Rational(above, below));
    }
    case Op::kSin:
    case Op::kTan:
    case Op::kAsin:
    case Op::kAtan:
    case Op::kSinh:
    case Op::kTanh:
      return x.is_zero() ? Number(0) : -1;
    case Op::kCos:
    case Op::kCosh:
    case Op::kExp:
      return x.is_zero() ? Number(1) : -1;
    case Op::kLn:
      return x == Rational(1) ? Number(0) : -1;
    default:
      return -1;
  }
}

NodeId Graph::Simple(Op op, NodeId a, NodeId b) {
  if (const NodeId number = SimpleNumber(op, a, b); number >= 0) return number;
  switch (op) {
    case Op::kAdd:
      if (IsNumber(a, 0)) return b;
      if (IsNumber(b, 0)) return a;
      if (node(b).op == Op::kNegate) return Simple(Op::kSubtract, a, node(b).a);
      if (node(a).op == Op::kNegate) return Simple(Op::kSubtract, b, node(a).a);
      if (a == b) return Simple(Op::kMultiply, Number(2), a);
      break;
    case Op::kSubtract:
      if (IsNumber(b, 0)) return a;
      if (IsNumber(a, 0)) return Simple(Op::kNegate, b);
      if (a == b) return Number(0);
      if (node(b).op == Op::kNegate) return Simple(Op::kAdd, a, node(b).a);
      break;
    case Op::kMultiply:
      if (IsNumber(a, 0) || IsNumber(b, 0)) return Number(0);
      if (IsNumber(a, 1)) return b;
      if (IsNumber(b, 1)) return a;
      if (IsNumber(a, -1)) return Simple(Op::kNegate, b);
      if (IsNumber(b, -1)) return Simple(Op::kNegate, a);
      if (IsNumber(b) && !IsNumber(a)) return Simple(Op::kMultiply, b, a);
      if (node(a).op == Op::kNegate) return Simple(Op::kNegate, Simple(Op::kMultiply, node(a).a, b));
      if (node(b).op == Op::kNegate) return Simple(Op::kNegate, Simple(Op::kMultiply, a, node(b).a));
      if (IsNumber(a) && node(b).op == Op::kMultiply) {  // numbers too long to be multiplied out stay where they are
        const NodeId folded = SimpleNumber(Op::kMultiply, a, node(b).a);
        if (folded < 0) break;
        return Simple(Op::kMultiply, folded, node(b).b);
      }
      if (node(b).op == Op::kMultiply && IsNumber(node(b).a))
        return Simple(Op::kMultiply, node(b).a, Simple(Op::kMultiply, a, node(b).b));
      if (node(b).op == Op::kDivide && IsNumber(node(b).a, 1)) return Simple(Op::kDivide, a, node(b).b);
      if (node(a).op == Op::kDivide && IsNumber(node(a).a, 1)) return Simple(Op::kDivide, b, node(a).b);
      break;
    case Op::kDivide:
      if (IsNumber(a, 0)) return Number(0);
      if (IsNumber(b, 1)) return a;
      if (IsNumber(b) && !IsNumber(b, 0)) return Simple(Op::kMultiply, Number(Rational(1) / number(node(b))), a);
      if (a == b) return Number(1);
      if (node(a).op == Op::kNegate) return Simple(Op::kNegate, Simple(Op::kDivide, node(a).a, b));
      break;
    case Op::kNegate:
      if (node(a).op == Op::kNegate) return node(a).a;
      if (node(a).op == Op::kSubtract) return Simple(Op::kSubtract, node(a).b, node(a).a);
      if (node(a).op == Op::kMultiply && IsNumber(node(a).a))
        return Simple(Op::kMultiply, Number(-number(node(node(a).a))), node(a).b);
      break;
    case Op::kPower:
      if (IsNumber(b, 1)) return a;
      if (IsNumber(b, 0)) return Number(1);
      break;
    case Op::kLn:
      if (node(a).op == Op::kE) return Number(1);
      break;
    default:
      break;
  }
  return Make(op, a, b);
}

}  // namespace tessera::math::calculus
