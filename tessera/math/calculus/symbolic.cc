#include <vector>

#include "tessera/math/calculus/rules.h"

namespace tessera::math::calculus {

std::vector<bool> DependsOnVariables(const Graph& graph) {
  std::vector<bool> depends(graph.size());
  for (size_t id = 0; id < graph.size(); ++id) {
    const Node& node = graph.nodes()[id];
    const int count = OperandCount(node.op);
    depends[id] = node.op == Op::kVariable || (count > 0 && depends[static_cast<size_t>(node.a)]) ||
                  (count > 1 && depends[static_cast<size_t>(node.b)]);
  }
  return depends;
}

std::vector<NodeId> SymbolicGradient(Graph& graph, NodeId root) {
  const std::vector<bool> depends = DependsOnVariables(graph);
  std::vector<NodeId> adjoint(static_cast<size_t>(root) + 1, -1);
  std::vector<NodeId> gradient(graph.variables().size(), graph.Number(0));
  GraphAlgebra algebra{graph};
  Rules<GraphAlgebra> rules{algebra};
  adjoint.back() = graph.Number(1);
  const auto add = [&](NodeId to, NodeId value) {
    NodeId& sum = adjoint[static_cast<size_t>(to)];
    sum = sum < 0 ? value : graph.Simple(Op::kAdd, sum, value);
  };
  for (NodeId id = root; id >= 0; --id) {
    const NodeId above = adjoint[static_cast<size_t>(id)];
    if (above < 0 || !depends[static_cast<size_t>(id)]) continue;
    const Node node = graph.node(id);  // a copy: the graph grows
    if (node.op == Op::kVariable) {
      gradient[static_cast<size_t>(node.a)] = above;
      continue;
    }
    const NodeId b = node.b >= 0 ? node.b : node.a;
    if (depends[static_cast<size_t>(node.a)])
      add(node.a, graph.Simple(Op::kMultiply, above, rules.First(node.op, node.a, b, id)));
    if (node.b >= 0 && depends[static_cast<size_t>(node.b)])
      add(node.b, graph.Simple(Op::kMultiply, above, rules.Second(node.op, node.a, b, id)));
  }
  return gradient;
}

}  // namespace tessera::math::calculus
