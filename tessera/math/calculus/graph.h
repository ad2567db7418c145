#pragma once
// An expression as a graph in which equal parts are one node: x*y + sin(x*y) holds x*y once. A node's operands come
// before it, so a loop over the nodes computes everything, without recursion and however deep the expression is.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tessera/math/number/rational.h"

namespace tessera::math::calculus {

enum class Op : uint8_t {
  kNumber,
  kVariable,
  kPi,
  kE,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kNegate,
  kPower,
  kSin,
  kCos,
  kTan,
  kAsin,
  kAcos,
  kAtan,
  kSinh,
  kCosh,
  kTanh,
  kExp,
  kLn,
  kSqrt,
  kAbs,
  kAtan2,
  kMax,
  kMin,
};

int OperandCount(Op op);
std::string_view FunctionName(Op op);  // "sin"; empty for operators
// The function that a person can write, or nothing.
bool FindFunction(std::string_view name, Op& op);

using NodeId = int32_t;

struct Node {
  Op op = Op::kNumber;
  NodeId a = -1, b = -1;  // operands; a number's or a variable's place in its table
};

class Graph {
 public:
  NodeId Number(const Rational& value);
  NodeId Variable(std::string_view name);
  NodeId Constant(Op op) { return Intern({op, -1, -1}); }  // kPi or kE
  // The node as it is written: nothing is simplified, so nothing loses a place where it is undefined.
  NodeId Make(Op op, NodeId a, NodeId b = -1) { return Intern({op, a, b}); }

  // The same value in fewer words, for derivatives, whose places have been checked: numbers are computed, 0 and 1
  // disappear, sqrt(4/9) is 2/3, sin(0) is 0.
  NodeId Simple(Op op, NodeId a, NodeId b = -1);

  const std::vector<Node>& nodes() const { return nodes_; }
  const Node& node(NodeId id) const { return nodes_[static_cast<size_t>(id)]; }
  size_t size() const { return nodes_.size(); }
  const std::vector<std::string>& variables() const { return variables_; }  // in the order of their first appearance
  const Rational& number(const Node& node) const { return numbers_[static_cast<size_t>(node.a)]; }
  bool IsNumber(NodeId id) const { return node(id).op == Op::kNumber; }
  bool IsNumber(NodeId id, int64_t value) const { return IsNumber(id) && number(node(id)) == Rational(value); }

 private:
  std::vector<Node> nodes_;
  std::vector<std::string> variables_;
  std::vector<Rational> numbers_;
  std::unordered_map<std::string, NodeId> variable_ids_, number_ids_;
  std::vector<NodeId> table_;  // of nodes by hash, open addressing; -1: free

  NodeId Intern(const Node& node);
  void Grow();
  NodeId SimpleNumber(Op op, NodeId a, NodeId b);  // -1: not to be computed exactly
};

}  // namespace tessera::math::calculus
