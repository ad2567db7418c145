#include "tessera/text/jinja/ast.h"

#include <algorithm>

namespace tessera::text::jinja {
namespace {

struct DeepestChild {
  int deepest = 0;

  void See(const ExpressionPtr& child) {
    if (child != nullptr) deepest = std::max(deepest, child->depth);
  }
  void See(const ExpressionList& children) {
    for (const auto& child : children) See(child);
  }
  void See(const CallSyntax& call) {
    See(call.positional);
    for (const auto& [name, value] : call.keyword) See(value);
    See(call.star);
    See(call.double_star);
  }
  template <typename... Children>
  void SeeAll(const Children&... children) {
    (See(children), ...);
  }

  void operator()(const Literal&) {}
  void operator()(const NameLoad&) {}
  void operator()(const Piped&) {}
  void operator()(const ListDisplay& n) { See(n.items); }
  void operator()(const DictDisplay& n) {
    for (const auto& [key, value] : n.entries) SeeAll(key, value);
  }
  void operator()(const AttributeOf& n) { See(n.object); }
  void operator()(const ItemOf& n) { SeeAll(n.object, n.key); }
  void operator()(const SliceOf& n) { SeeAll(n.object, n.start, n.stop, n.step); }
  void operator()(const CallOf& n) { SeeAll(n.callee, n.call); }
  void operator()(const FilterOf& n) { SeeAll(n.input, n.call); }
  void operator()(const TestOf& n) { SeeAll(n.input, n.call); }
  void operator()(const Unary& n) { See(n.operand); }
  void operator()(const Binary& n) { SeeAll(n.left, n.right); }
  void operator()(const Concatenation& n) { See(n.parts); }
  void operator()(const Logical& n) { SeeAll(n.left, n.right); }
  void operator()(const Comparison& n) {
    See(n.first);
    for (const auto& [comparator, operand] : n.rest) See(operand);
  }
  void operator()(const Conditional& n) { SeeAll(n.condition, n.then, n.otherwise); }
};

}  // namespace

int DepthOf(const Expression::Node& node) {
  DeepestChild child;
  std::visit(child, node);
  return child.deepest + 1;
}

}  // namespace tessera::text::jinja
