#include <algorithm>
#include <map>
#include <optional>

#include "tessera/math/calculus/parse.h"
#include "tessera/math/errors.h"
#include "tessera/math/quadratic/read.h"

namespace tessera::math::quadratic {
namespace {

using calculus::Graph;
using calculus::Node;
using calculus::Op;

constexpr size_t kMaxTerms = 200'000;

// Σ coefficient · x_i x_j, i <= j; the index -1 stands for 1. Degree two at most.
using Polynomial = std::map<std::pair<int, int>, Rational>;

[[noreturn]] void NotQuadratic(std::string_view what) {
  FailInput("not-quadratic", "quadratic: {}; a quadratic is a sum of terms like 3*x^2, x*y, -2*x and 7", what);
}

Polynomial Sum(const Polynomial& a, const Polynomial& b, int sign) {
  Polynomial sum = a;
  for (const auto& [key, value] : b) sum[key] = sum[key] + (sign > 0 ? value : -value);
  std::erase_if(sum, [](const auto& term) { return term.second.is_zero(); });
  return sum;
}

Polynomial Product(const Polynomial& a, const Polynomial& b) {
  if (a.size() * b.size() > kMaxTerms * 10)
    FailInput("too-large", "quadratic: multiplied out, the formula has too many terms");
  Polynomial product;
  for (const auto& [x, value] : a)
    for (const auto& [y, factor] : b) {
      int all[4] = {x.first, x.second, y.first, y.second}, count = 0, indices[4];
      for (const int i : all)
        if (i >= 0) indices[count++] = i;
      if (count > 2) NotQuadratic("the formula has a term of degree 3 or more");
      const int first = count > 0 ? indices[0] : -1, second = count > 1 ? indices[1] : -1;
      const auto key = second < 0 ? std::pair{-1, first} : std::pair{std::min(first, second), std::max(first, second)};
      product[key] = product[key] + value * factor;
    }
  std::erase_if(product, [](const auto& term) { return term.second.is_zero(); });
  return product;
}

std::optional<Rational> Constant(const Polynomial& p) {
  if (p.empty()) return Rational(0);
  if (p.size() == 1 && p.begin()->first == std::pair{-1, -1}) return p.begin()->second;
  return std::nullopt;
}

Polynomial Of(const Graph& graph, const Node& node, const std::vector<Polynomial>& parts) {
  const auto part = [&](calculus::NodeId id) -> const Polynomial& { return parts[static_cast<size_t>(id)]; };
  switch (node.op) {
    case Op::kNumber:
      return graph.number(node).is_zero() ? Polynomial{} : Polynomial{{{-1, -1}, graph.number(node)}};
    case Op::kVariable:
      return {{{-1, node.a}, 1}};
    case Op::kAdd:
      return Sum(part(node.a), part(node.b), 1);
    case Op::kSubtract:
      return Sum(part(node.a), part(node.b), -1);
    case Op::kNegate:
      return Sum({}, part(node.a), -1);
    case Op::kMultiply:
      return Product(part(node.a), part(node.b));
    case Op::kDivide: {
      const auto below = Constant(part(node.b));
      if (!below) NotQuadratic("the formula divides by a variable");
      if (below->is_zero()) FailNoAnswer("domain", "quadratic: the formula divides by zero");
      return Product(part(node.a), {{{-1, -1}, Rational(1) / *below}});
    }
    case Op::kPower: {
      const auto exponent = Constant(part(node.b));
      if (!exponent || !exponent->is_integer() || exponent->sign() < 0) NotQuadratic("an exponent is no whole number");
      if (const auto base = Constant(part(node.a))) {
        if (*exponent > Rational(10'000)) FailInput("too-large", "quadratic: an exponent is above 10,000");
        return base->is_zero() && exponent->sign() > 0
                   ? Polynomial{}
                   : Polynomial{{{-1, -1}, Power(*base, exponent->numerator().ToInt64())}};
      }
      if (*exponent > Rational(2)) NotQuadratic("the formula has a term of degree 3 or more");
      if (exponent->is_zero()) return {{{-1, -1}, 1}};
      return *exponent == Rational(1) ? part(node.a) : Product(part(node.a), part(node.a));
    }
    case Op::kPi:
    case Op::kE:
      NotQuadratic("pi and e have no exact value here; write a number");
    default:
      NotQuadratic(fmt::format("the function {} stands in it", FunctionName(node.op)));
  }
}

}  // namespace

NamedProblem ReadExpression(std::string_view text) {
  Graph graph;
  const calculus::NodeId root = calculus::ParseExpression(text, graph);
  if (graph.size() > kMaxTerms) FailInput("too-large", "quadratic: the formula has more than {} parts", kMaxTerms);
  std::vector<Polynomial> parts;
  for (const Node& node : graph.nodes()) parts.push_back(Of(graph, node, parts));
  NamedProblem result{.variables = graph.variables()};
  ExactProblem& p = result.problem;
  const size_t n = graph.variables().size();
  if (n == 0) NotQuadratic("the formula has no variable");
  if (n > 2000) FailInput("too-large", "quadratic: {} variables; a formula may have 2,000", n);
  p.n = static_cast<int64_t>(n);
  p.a.resize(n * n);
  p.b.resize(n);
  for (const auto& [key, value] : parts[static_cast<size_t>(root)]) {
    const auto [i, j] = key;
    if (j < 0) {
      p.c = value;
    } else if (i < 0) {
      p.b[static_cast<size_t>(j)] = value;
    } else {  // x_i x_j stands twice in x'Ax
      const auto row = static_cast<size_t>(i), column = static_cast<size_t>(j);
      p.a[row * n + column] = p.a[column * n + row] = i == j ? value : value * Rational(1, 2);
    }
  }
  return result;
}

}  // namespace tessera::math::quadratic
