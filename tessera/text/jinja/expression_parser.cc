#include "tessera/text/jinja/expression_parser.h"

#include "tessera/core/error.h"

namespace tessera::text::jinja {
namespace {

constexpr int kMaxExpressionDepth = 300;  // operators, calls and filters inside each other

}  // namespace

template <typename Node>
ExpressionPtr ExpressionParser::Make(int line, Node node) {
  Expression::Node any(std::move(node));
  const int depth = DepthOf(any);
  if (depth > kMaxExpressionDepth)
    FailAtLine(line, fmt::format("an expression nested deeper than {} levels", kMaxExpressionDepth));
  return std::make_unique<const Expression>(Expression{std::move(any), line, depth});
}

ExpressionPtr ExpressionParser::ParseExpression() {
  const TokenStream::Level level(stream_);
  int line = stream_.line();
  ExpressionPtr value = ParseWithoutConditional();
  while (stream_.SkipName("if")) {
    ExpressionPtr condition = ParseWithoutConditional();
    ExpressionPtr otherwise = stream_.SkipName("else") ? ParseExpression() : nullptr;
    value = Make(line, Conditional{std::move(condition), std::move(value), std::move(otherwise)});
    line = stream_.line();
  }
  return value;
}

ExpressionPtr ExpressionParser::ParseWithoutConditional() {
  const int line = stream_.line();
  ExpressionPtr left = ParseAnd();
  while (stream_.SkipName("or")) left = Make(line, Logical{false, std::move(left), ParseAnd()});
  return left;
}

ExpressionPtr ExpressionParser::ParseAnd() {
  const int line = stream_.line();
  ExpressionPtr left = ParseNot();
  while (stream_.SkipName("and")) left = Make(line, Logical{true, std::move(left), ParseNot()});
  return left;
}

ExpressionPtr ExpressionParser::ParseNot() {
  const int line = stream_.line();
  if (!stream_.SkipName("not")) return ParseComparison();
  const TokenStream::Level level(stream_);
  return Make(line, Unary{Sign::kNot, ParseNot()});
}

ExpressionPtr ExpressionParser::ParseComparison() {
  static constexpr std::pair<std::string_view, Comparator> kComparators[] = {
      {"==", Comparator::kEqual},     {"!=", Comparator::kNotEqual}, {"<", Comparator::kLess},
      {"<=", Comparator::kLessEqual}, {">", Comparator::kGreater},   {">=", Comparator::kGreaterEqual}};
  const int line = stream_.line();
  Comparison comparison{ParseSum(), {}};
  const auto operand = [&](Comparator comparator) { comparison.rest.emplace_back(comparator, ParseSum()); };
  const auto take_sign = [&] {
    for (const auto& [sign, comparator] : kComparators)
      if (stream_.SkipOperator(sign)) return operand(comparator), true;
    return false;
  };
  while (true) {
    if (take_sign()) continue;
    if (stream_.SkipName("in")) {
      operand(Comparator::kIn);
    } else if (stream_.current().IsName("not") && stream_.ahead().IsName("in")) {
      stream_.Take();
      stream_.Take();
      operand(Comparator::kNotIn);
    } else {
      break;
    }
  }
  if (comparison.rest.empty()) return std::move(comparison.first);
  return Make(line, std::move(comparison));
}

ExpressionPtr ExpressionParser::ParseSum() {
  const int line = stream_.line();
  ExpressionPtr left = ParseConcatenation();
  while (true) {
    if (stream_.SkipOperator("+"))
      left = Make(line, Binary{Operation::kAdd, std::move(left), ParseConcatenation()});
    else if (stream_.SkipOperator("-"))
      left = Make(line, Binary{Operation::kSubtract, std::move(left), ParseConcatenation()});
    else
      return left;
  }
}

ExpressionPtr ExpressionParser::ParseConcatenation() {
  const int line = stream_.line();
  Concatenation concatenation;
  do concatenation.parts.push_back(ParseProduct());
  while (stream_.SkipOperator("~"));
  if (concatenation.parts.size() == 1) return std::move(concatenation.parts[0]);
  return Make(line, std::move(concatenation));
}

ExpressionPtr ExpressionParser::ParseProduct() {
  static constexpr std::pair<std::string_view, Operation> kProducts[] = {{"*", Operation::kMultiply},
                                                                         {"/", Operation::kDivide},
                                                                         {"//", Operation::kFloorDivide},
                                                                         {"%", Operation::kModulo}};
  const int line = stream_.line();
  ExpressionPtr left = ParsePower();
  const auto extend = [&] {
    for (const auto& [sign, operation] : kProducts) {
      if (!stream_.SkipOperator(sign)) continue;
      left = Make(line, Binary{operation, std::move(left), ParsePower()});
      return true;
    }
    return false;
  };
  while (extend()) continue;
  return left;
}

ExpressionPtr ExpressionParser::ParsePower() {
  const int line = stream_.line();
  ExpressionPtr left = ParseUnary(true);
  while (stream_.SkipOperator("**")) left = Make(line, Binary{Operation::kPower, std::move(left), ParseUnary(true)});
  return left;
}

ExpressionPtr ExpressionParser::ParseUnary(bool with_filters) {
  const int line = stream_.line();
  ExpressionPtr node;
  const bool minus = stream_.SkipOperator("-");
  if (minus || stream_.SkipOperator("+")) {
    const TokenStream::Level level(stream_);
    node = Make(line, Unary{minus ? Sign::kMinus : Sign::kPlus, ParseUnary(false)});
  } else {
    node = ParsePrimary();
  }
  node = ParsePostfix(std::move(node));
  return with_filters ? ParsePostfixFilters(std::move(node)) : std::move(node);
}

ExpressionPtr ExpressionParser::ParsePrimary() {
  const int line = stream_.line();
  const Token& token = stream_.current();
  switch (token.kind) {
    case TokenKind::kName:
      return ParseNameOrConstant();
    case TokenKind::kInteger:
    case TokenKind::kFloat:
      return Make(line, Literal{stream_.Take().number});
    case TokenKind::kString: {
      std::string text;
      while (stream_.current().kind == TokenKind::kString) text += stream_.Take().text;
      return Make(line, Literal{Value::Constant(std::move(text))});
    }
    default:
      break;
  }
  if (stream_.SkipOperator("(")) return ParseParentheses();
  if (stream_.SkipOperator("[")) return ParseList();
  if (stream_.SkipOperator("{")) return ParseDict();
  stream_.FailUnexpected("an expression");
}

ExpressionPtr ExpressionParser::ParseNameOrConstant() {
  const int line = stream_.line();
  std::string name = stream_.Take().text;
  if (name == "true" || name == "True") return Make(line, Literal{Value(true)});
  if (name == "false" || name == "False") return Make(line, Literal{Value(false)});
  if (name == "none" || name == "None") return Make(line, Literal{Value()});
  uses.caller |= name == "caller";
  uses.varargs |= name == "varargs";
  uses.kwargs |= name == "kwargs";
  return Make(line, NameLoad{std::move(name)});
}

ExpressionPtr ExpressionParser::ParseParentheses() {
  const int line = stream_.line();
  if (stream_.SkipOperator(")")) return Make(line, ListDisplay{{}, true});
  ExpressionPtr inside = ParseTuple(Inline::kConditional);
  stream_.ExpectOperator(")");
  return inside;
}

ExpressionPtr ExpressionParser::ParseTuple(Inline inline_if, std::string_view end) {
  const int line = stream_.line();
  ExpressionList items;
  bool is_tuple = false;
  const auto at_end = [&] {
    const Token& token = stream_.current();
    return token.kind == TokenKind::kVariableEnd || token.kind == TokenKind::kBlockEnd || token.IsOperator(")") ||
           (!end.empty() && token.IsName(end));
  };
  do {
    if (at_end()) break;
    items.push_back(inline_if == Inline::kConditional ? ParseExpression() : ParseWithoutConditional());
    is_tuple |= stream_.current().IsOperator(",");
  } while (stream_.SkipOperator(","));
  if (is_tuple) return Make(line, ListDisplay{std::move(items), true});
  if (items.empty()) stream_.FailUnexpected("an expression");
  return std::move(items[0]);
}

ExpressionPtr ExpressionParser::ParseList() {
  const int line = stream_.line();
  ListDisplay list{{}, false};
  while (!stream_.SkipOperator("]")) {
    if (!list.items.empty()) {
      stream_.ExpectOperator(",");
      if (stream_.SkipOperator("]")) break;
    }
    list.items.push_back(ParseExpression());
  }
  return Make(line, std::move(list));
}

ExpressionPtr ExpressionParser::ParseDict() {
  const int line = stream_.line();
  DictDisplay dict;
  while (!stream_.SkipOperator("}")) {
    if (!dict.entries.empty()) {
      stream_.ExpectOperator(",");
      if (stream_.SkipOperator("}")) break;
    }
    ExpressionPtr key = ParseExpression();
    stream_.ExpectOperator(":");
    dict.entries.emplace_back(std::move(key), ParseExpression());
  }
  return Make(line, std::move(dict));
}

ExpressionPtr ExpressionParser::ParsePostfix(ExpressionPtr node) {
  while (true) {
    const int line = stream_.line();
    if (stream_.SkipOperator("."))
      node = ParseDot(std::move(node));
    else if (stream_.SkipOperator("["))
      node = ParseSubscript(std::move(node));
    else if (stream_.current().IsOperator("("))
      node = Make(line, CallOf{std::move(node), ParseCall()});
    else
      return node;
  }
}

ExpressionPtr ExpressionParser::ParsePostfixFilters(ExpressionPtr node) {
  while (true) {
    const int line = stream_.line();
    if (stream_.SkipOperator("|"))
      node = ParseOneFilter(std::move(node));
    else if (stream_.SkipName("is"))
      node = ParseTest(std::move(node));
    else if (stream_.current().IsOperator("("))
      node = Make(line, CallOf{std::move(node), ParseCall()});
    else
      return node;
  }
}

ExpressionPtr ExpressionParser::ParseDot(ExpressionPtr object) {
  const int line = stream_.line();
  if (stream_.current().kind == TokenKind::kName)
    return Make(line, AttributeOf{std::move(object), stream_.Take().text});
  if (stream_.current().kind != TokenKind::kInteger) stream_.FailUnexpected("a name or a number");
  ExpressionPtr key = Make(line, Literal{stream_.Take().number});
  return Make(line, ItemOf{std::move(object), std::move(key)});
}

ExpressionPtr ExpressionParser::ParseSubscript(ExpressionPtr object) {
  const int line = stream_.line();
  const auto is_end = [&] { return stream_.current().IsOperator("]") || stream_.current().IsOperator(","); };
  if (!stream_.current().IsOperator(":")) {
    ExpressionPtr key = is_end() ? nullptr : ParseExpression();
    if (key == nullptr) stream_.FailUnexpected("an expression");
    if (stream_.current().IsOperator(",")) {
      ListDisplay keys{{}, true};
      keys.items.push_back(std::move(key));
      while (stream_.SkipOperator(",") && !is_end()) keys.items.push_back(ParseExpression());
      key = Make(line, std::move(keys));
    }
    if (stream_.SkipOperator("]")) return Make(line, ItemOf{std::move(object), std::move(key)});
    SliceOf slice{std::move(object), std::move(key), nullptr, nullptr};
    stream_.ExpectOperator(":");
    if (!is_end() && !stream_.current().IsOperator(":")) slice.stop = ParseExpression();
    if (stream_.SkipOperator(":") && !is_end()) slice.step = ParseExpression();
    stream_.ExpectOperator("]");
    return Make(line, std::move(slice));
  }
  SliceOf slice{std::move(object), nullptr, nullptr, nullptr};
  stream_.ExpectOperator(":");
  if (!is_end() && !stream_.current().IsOperator(":")) slice.stop = ParseExpression();
  if (stream_.SkipOperator(":") && !is_end()) slice.step = ParseExpression();
  stream_.ExpectOperator("]");
  return Make(line, std::move(slice));
}

CallSyntax ExpressionParser::ParseCall() {
  CallSyntax call;
  stream_.ExpectOperator("(");
  const auto ensure = [&](bool condition) {
    if (!condition) stream_.FailHere("invalid syntax for function call expression");
  };
  for (bool first = true; !stream_.SkipOperator(")"); first = false) {
    if (!first) {
      stream_.ExpectOperator(",");
      if (stream_.SkipOperator(")")) break;
    }
    if (stream_.SkipOperator("*")) {
      ensure(call.star == nullptr && call.double_star == nullptr);
      call.star = ParseExpression();
    } else if (stream_.SkipOperator("**")) {
      ensure(call.double_star == nullptr);
      call.double_star = ParseExpression();
    } else if (stream_.current().kind == TokenKind::kName && stream_.ahead().IsOperator("=")) {
      ensure(call.double_star == nullptr);
      std::string name = stream_.Take().text;
      stream_.Take();
      call.keyword.emplace_back(std::move(name), ParseExpression());
    } else {
      ensure(call.star == nullptr && call.double_star == nullptr && call.keyword.empty());
      call.positional.push_back(ParseExpression());
    }
  }
  return call;
}

std::string ExpressionParser::ParseDottedName() {
  std::string name = stream_.TakeName();
  while (stream_.SkipOperator(".")) name += "." + stream_.TakeName();
  return name;
}

ExpressionPtr ExpressionParser::ParseOneFilter(ExpressionPtr input) {
  const int line = stream_.line();
  std::string name = ParseDottedName();
  CallSyntax call;
  if (stream_.current().IsOperator("(")) call = ParseCall();
  return Make(line, FilterOf{std::move(input), std::move(name), std::move(call)});
}

ExpressionPtr ExpressionParser::ParseFilterChain(ExpressionPtr input) {
  if (input == nullptr) input = Make(stream_.line(), Piped{});
  return ParseFilters(ParseOneFilter(std::move(input)));
}

ExpressionPtr ExpressionParser::ParseFilters(ExpressionPtr input) {
  if (input == nullptr && stream_.current().IsOperator("|")) input = Make(stream_.line(), Piped{});
  while (stream_.SkipOperator("|")) input = ParseOneFilter(std::move(input));
  return input;
}

ExpressionPtr ExpressionParser::ParseTest(ExpressionPtr input) {
  const int line = stream_.line();
  const bool negated = stream_.SkipName("not");
  TestOf test{std::move(input), ParseDottedName(), {}};
  const Token& next = stream_.current();
  const bool literal = next.kind == TokenKind::kString || next.kind == TokenKind::kInteger ||
                       next.kind == TokenKind::kFloat || next.IsOperator("[") || next.IsOperator("{");
  const bool name = next.kind == TokenKind::kName && next.text != "else" && next.text != "or" && next.text != "and";
  if (next.IsOperator("(")) {
    test.call = ParseCall();
  } else if (literal || name) {
    if (next.IsName("is")) stream_.FailHere("You cannot chain multiple tests with is");
    test.call.positional.push_back(ParsePostfix(ParsePrimary()));
  }
  ExpressionPtr node = Make(line, std::move(test));
  return negated ? Make(line, Unary{Sign::kNot, std::move(node)}) : std::move(node);
}

Target ExpressionParser::ParseSimpleTarget(bool with_namespace) {
  Target target;
  if (stream_.SkipOperator("(")) {
    const TokenStream::Level level(stream_);
    target = ParseTarget(")", with_namespace);
    stream_.ExpectOperator(")");
    return target;
  }
  target.name = stream_.TakeName();
  for (const std::string_view constant : {"true", "false", "none", "True", "False", "None"})
    if (target.name == constant) stream_.FailHere(fmt::format("can't assign to '{}'", constant));
  if (with_namespace && stream_.SkipOperator(".")) target.attribute = stream_.TakeName();
  return target;
}

Target ExpressionParser::ParseTarget(std::string_view end, bool with_namespace) {
  Target first = ParseSimpleTarget(with_namespace);
  if (!stream_.current().IsOperator(",")) return first;
  Target tuple;
  tuple.is_tuple = true;
  tuple.parts.push_back(std::move(first));
  while (stream_.SkipOperator(",")) {
    const Token& token = stream_.current();
    if (token.kind == TokenKind::kBlockEnd || token.IsOperator("=") || token.IsOperator(")") || token.IsName(end))
      break;
    tuple.parts.push_back(ParseSimpleTarget(with_namespace));
  }
  return tuple;
}

}  // namespace tessera::text::jinja
