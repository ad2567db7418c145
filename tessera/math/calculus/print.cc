#include "tessera/math/calculus/print.h"

#include <fmt/format.h>

#include <utility>

#include "tessera/math/errors.h"

namespace tessera::math::calculus {
namespace {

constexpr size_t kMaxText = 64 << 20;

// How tightly a text holds together: a part needs brackets where its surroundings bind more tightly.
enum Binding { kSum = 1, kProduct = 2, kMinus = 3, kPowerBinding = 4, kAtom = 5 };

struct Text {
  std::string text;
  int binding = kAtom;
};

class Printer {
 public:
  Printer(const Graph& graph, Notation notation) : graph_(graph), latex_(notation == Notation::kLatex) {}

  // The node's text from those of its operands. `left` counts how often each of these will still be needed: the last
  // time it is moved, so that a sum of n terms, n nodes deep, takes no n² bytes.
  Text Of(const Node& node, std::vector<Text>& texts, std::vector<int>& left) const {
    const auto take = [&](NodeId id, int binding) {
      const auto at = static_cast<size_t>(id);
      if (--left[at] > 0) return Bracketed(texts[at], binding);
      return Bracketed(std::exchange(texts[at], {}), binding);
    };
    const auto a = [&](int binding) { return take(node.a, binding); };
    const auto b = [&](int binding) { return take(node.b, binding); };
    switch (node.op) {
      case Op::kNumber:
        return Number(graph_.number(node));
      case Op::kVariable:
        return {Name(graph_.variables()[static_cast<size_t>(node.a)]), kAtom};
      case Op::kPi:
        return {latex_ ? "\\pi" : "pi", kAtom};
      case Op::kE:
        return {"e", kAtom};
      case Op::kAdd:
        return {a(kSum) + (latex_ ? " + " : " + ") + b(kSum), kSum};
      case Op::kSubtract:
        return {a(kSum) + " - " + b(kProduct), kSum};
      case Op::kMultiply:
        return {a(kProduct) + (latex_ ? " \\cdot " : "*") + b(kProduct), kProduct};
      case Op::kDivide:
        if (latex_) return {"\\frac{" + a(0) + "}{" + b(0) + "}", kPowerBinding};
        return {a(kProduct) + "/" + b(kMinus), kProduct};
      case Op::kNegate:
        return {"-" + a(kProduct), kProduct};
      case Op::kPower:
        return latex_ ? Text{a(kAtom) + "^{" + b(0) + "}", kPowerBinding}
                      : Text{a(kAtom) + "^" + b(kPowerBinding), kPowerBinding};
      case Op::kSqrt:
        if (latex_) return {"\\sqrt{" + a(0) + "}", kAtom};
        break;
      case Op::kAbs:
        if (latex_) return {"\\left|" + a(0) + "\\right|", kAtom};
        break;
      default:
        break;
    }
    return Function(node, a(0), node.b >= 0 ? b(0) : "");
  }

  std::string Name(const std::string& name) const {
    if (!latex_ || name.size() == 1) return name;
    size_t digits = name.find_first_of("0123456789_");
    if (digits == 1) return fmt::format("{}_{{{}}}", name[0], name.substr(name[1] == '_' ? 2 : 1));
    std::string escaped;
    for (const char c : name) escaped += c == '_' ? std::string("\\_") : std::string(1, c);
    return "\\mathrm{" + escaped + "}";
  }

 private:
  const Graph& graph_;
  bool latex_;

  std::string Bracketed(Text text, int binding) const {
    if (text.binding >= binding) return std::move(text.text);
    return latex_ ? "\\left(" + text.text + "\\right)" : "(" + text.text + ")";
  }

  Text Number(const Rational& value) const {
    if (value.is_integer()) return {value.ToString(), value.sign() < 0 ? kMinus : kAtom};
    if (!latex_) return {value.ToString(), kProduct};
    const std::string fraction =
        fmt::format("\\frac{{{}}}{{{}}}", Abs(value).numerator().ToString(), value.denominator().ToString());
    return {(value.sign() < 0 ? "-" : "") + fraction, value.sign() < 0 ? kMinus : kPowerBinding};
  }

  Text Function(const Node& node, const std::string& a, const std::string& b) const {
    const std::string arguments = b.empty() ? a : a + (latex_ ? ", " : ", ") + b;
    if (!latex_) return {std::string(FunctionName(node.op)) + "(" + arguments + ")", kAtom};
    const bool known = node.op != Op::kAsin && node.op != Op::kAcos && node.op != Op::kAtan && node.op != Op::kAtan2;
    const std::string name = node.op == Op::kAsin   ? "\\arcsin"
                             : node.op == Op::kAcos ? "\\arccos"
                             : node.op == Op::kAtan ? "\\arctan"
                             : known                ? "\\" + std::string(FunctionName(node.op))
                                                    : "\\operatorname{" + std::string(FunctionName(node.op)) + "}";
    return {name + "\\left(" + arguments + "\\right)", kAtom};
  }
};

std::vector<int> Uses(const Graph& graph, const std::vector<NodeId>& roots) {
  std::vector<int> uses(graph.size());
  NodeId last = -1;
  for (const NodeId root : roots) {
    ++uses[static_cast<size_t>(root)];
    last = std::max(last, root);
  }
  for (NodeId id = last; id >= 0; --id) {
    const Node& node = graph.node(id);
    if (uses[static_cast<size_t>(id)] == 0) continue;
    const int count = OperandCount(node.op);
    if (count > 0) ++uses[static_cast<size_t>(node.a)];
    if (count > 1) ++uses[static_cast<size_t>(node.b)];
  }
  return uses;
}

std::string Unused(const Graph& graph, std::string prefix) {
  for (bool taken = true; taken;) {
    taken = false;
    for (const std::string& name : graph.variables()) taken = taken || name.starts_with(prefix);
    if (taken) prefix += prefix.back();
  }
  return prefix;
}

}  // namespace

NamedText ToNamedText(const Graph& graph, const std::vector<NodeId>& roots, Notation notation, std::string prefix) {
  prefix = Unused(graph, std::move(prefix));
  const Printer printer(graph, notation);
  const std::vector<int> uses = Uses(graph, roots);
  std::vector<int> left = uses;
  NamedText result;
  std::vector<Text> texts(graph.size());
  for (size_t id = 0; id < graph.size(); ++id) {
    if (uses[id] == 0) continue;
    Text text = printer.Of(graph.nodes()[id], texts, left);
    // A short text is no longer than its name would be.
    constexpr size_t kWorthAName = 6;
    if (uses[id] > 1 && OperandCount(graph.nodes()[id].op) > 0 && text.text.size() >= kWorthAName) {
      const std::string name = fmt::format("{}{}", prefix, result.parts.size() + 1);
      result.parts.emplace_back(name, std::move(text.text));
      text = {printer.Name(name), kAtom};
    }
    texts[id] = std::move(text);
  }
  for (const NodeId root : roots) result.roots.push_back(texts[static_cast<size_t>(root)].text);
  return result;
}

std::string ToText(const Graph& graph, NodeId root, Notation notation) {
  const Printer printer(graph, notation);
  std::vector<Text> texts(graph.size());
  std::vector<int> left = Uses(graph, {root});
  size_t total = 0;
  for (size_t id = 0; id <= static_cast<size_t>(root); ++id) {
    if (left[id] == 0) continue;
    const Node& node = graph.nodes()[id];
    const auto size = [&](NodeId part) { return part < 0 ? 0 : texts[static_cast<size_t>(part)].text.size(); };
    const int operands = OperandCount(node.op);
    const NodeId a = operands > 0 ? node.a : -1, b = operands > 1 && node.b != a ? node.b : -1;
    total -= size(a) + size(b);
    texts[id] = printer.Of(node, texts, left);
    total += size(a) + size(b) + texts[id].text.size();
    if (total > kMaxText)
      FailInput("too-large", "the expression, written without named parts, has more than {} bytes", kMaxText);
  }
  return texts[static_cast<size_t>(root)].text;
}

}  // namespace tessera::math::calculus
