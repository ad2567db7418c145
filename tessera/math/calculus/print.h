#pragma once
// Expressions as text.

#include <string>
#include <utility>
#include <vector>

#include "tessera/math/calculus/graph.h"

namespace tessera::math::calculus {

enum class Notation { kPlain, kLatex };

// What the parser reads again ("2*x*cos(x^2)"), or LaTeX ("2 x \cos\left(x^{2}\right)").
std::string ToText(const Graph& graph, NodeId root, Notation notation = Notation::kPlain);

struct NamedText {
  std::vector<std::pair<std::string, std::string>>
      parts;  // "t1" and what it is, in an order in which each is defined first
  std::vector<std::string> roots;
};
// Several expressions at once, where parts that occur more than once have a name, so that the text is no longer than a
// constant times the graph. `prefix` is lengthened until no variable begins with it.
NamedText ToNamedText(const Graph& graph, const std::vector<NodeId>& roots, Notation notation = Notation::kPlain,
                      std::string prefix = "t");

}  // namespace tessera::math::calculus
