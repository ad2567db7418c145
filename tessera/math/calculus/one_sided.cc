#include "tessera/math/calculus/one_sided.h"

#include "tessera/math/calculus/series.h"
#include "tessera/math/errors.h"

namespace tessera::math::calculus {

OneSided OneSidedDerivative(const Graph& graph, NodeId root, const std::vector<Rational>& point,
                            const std::vector<Real>& direction, int64_t precision) {
  const std::vector<Real> values = EvaluateAll(graph, root, point, precision);  // the point itself has a value
  const SeriesAlgebra algebra(precision);
  std::vector<Series> series(values.size());
  try {
    for (NodeId id = 0; id <= root; ++id) {
      const Node& node = graph.node(id);
      Series& own = series[static_cast<size_t>(id)];
      if (OperandCount(node.op) == 0) {
        own = algebra.Constant(values[static_cast<size_t>(id)]);
        if (node.op == Op::kVariable) own[kUnit] = direction[static_cast<size_t>(node.a)];
        continue;
      }
      own = algebra.Apply(node.op, series[static_cast<size_t>(node.a)],
                          series[static_cast<size_t>(node.b >= 0 ? node.b : node.a)]);
    }
  } catch (const NoValueOnTheWay&) {
    return {OneSided::Kind::kUndefined, 0};
  }
  const Series& f = series[static_cast<size_t>(root)];
  for (size_t k = 1; k < kUnit; ++k) {
    if (k >= f.size()) NotDecided();
    const int sign = Sign(f[k]);
    if (sign != 0) return {sign > 0 ? OneSided::Kind::kPlusInfinity : OneSided::Kind::kMinusInfinity, 0};
  }
  if (f.size() <= kUnit) NotDecided();
  return {OneSided::Kind::kValue, f[kUnit]};
}

}  // namespace tessera::math::calculus
