#pragma once
// Formulas that nobody would type: parsed, and where they are short also differentiated, printed and read again.

#include <cmath>
#include <string_view>
#include <vector>

#include "tessera/core/error.h"
#include "tessera/math/calculus/parse.h"
#include "tessera/math/calculus/print.h"
#include "tessera/math/calculus/rules.h"
#include "tessera/math/calculus/tape.h"
#include "tessera/math/errors.h"

namespace tessera::fuzz {

// True for a formula.
inline bool ParseExpression(std::string_view text) {
  constexpr size_t kShort = 400;
  math::calculus::Graph graph;
  try {
    const math::calculus::NodeId root = math::calculus::ParseExpression(text, graph);
    if (text.size() > kShort) return true;
    const auto partials = math::calculus::SymbolicGradient(graph, root);
    math::calculus::ToNamedText(graph, partials, math::calculus::Notation::kLatex);
    const std::string printed = math::calculus::ToText(graph, root);
    math::calculus::Graph again;
    const math::calculus::NodeId same = math::calculus::ParseExpression(printed, again);
    const std::vector<double> x(graph.variables().size(), 0.75);
    std::vector<double> gradient(x.size());
    math::calculus::Tape first(graph, root), second(again, same);
    const double a = first.Gradient(x, gradient), b = second.Value(x);
    const bool equal = a == b || std::isnan(a) || std::isnan(b) ||
                       std::abs(a - b) <= 1e-6 * (1 + std::abs(a) + std::abs(b)) || std::abs(a) > 1e12;
    if (!equal) throw std::logic_error("printed and read again, the formula has another value: " + printed);
    return true;
  } catch (const math::MathError&) {
    return false;
  }
}

}  // namespace tessera::fuzz
