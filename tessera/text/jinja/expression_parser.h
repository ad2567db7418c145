#pragma once
// Expressions, from the weakest binding (a if b else c) to the strongest (names and literals).

#include <initializer_list>
#include <string_view>

#include "tessera/text/jinja/ast.h"
#include "tessera/text/jinja/token_stream.h"

namespace tessera::text::jinja {

// The special names of macros that a piece of the template mentions.
struct MacroUses {
  bool caller = false, varargs = false, kwargs = false;
};

class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream& stream) : stream_(stream) {}

  ExpressionPtr ParseExpression();          // with inline if
  ExpressionPtr ParseWithoutConditional();  // `or` and below
  // One expression or a tuple without parentheses; a name in `end` may follow a trailing comma.
  enum class Inline { kConditional, kNone };
  ExpressionPtr ParseTuple(Inline inline_if, std::string_view end = "");
  ExpressionPtr ParseFilters(ExpressionPtr input);      // | name(…) | …
  ExpressionPtr ParseFilterChain(ExpressionPtr input);  // name(…) | …
  Target ParseTarget(std::string_view end, bool with_namespace);

  MacroUses uses;  // seen so far; the statement parser clears and merges it

 private:
  template <typename Node>
  ExpressionPtr Make(int line, Node node);
  ExpressionPtr ParseAnd();
  ExpressionPtr ParseNot();
  ExpressionPtr ParseComparison();
  ExpressionPtr ParseSum();
  ExpressionPtr ParseConcatenation();
  ExpressionPtr ParseProduct();
  ExpressionPtr ParsePower();
  ExpressionPtr ParseUnary(bool with_filters);
  ExpressionPtr ParsePrimary();
  ExpressionPtr ParseNameOrConstant();
  ExpressionPtr ParseParentheses();
  ExpressionPtr ParseList();
  ExpressionPtr ParseDict();
  ExpressionPtr ParsePostfix(ExpressionPtr node);
  ExpressionPtr ParsePostfixFilters(ExpressionPtr node);
  ExpressionPtr ParseDot(ExpressionPtr object);
  ExpressionPtr ParseSubscript(ExpressionPtr object);
  ExpressionPtr ParseOneFilter(ExpressionPtr input);
  ExpressionPtr ParseTest(ExpressionPtr input);
  CallSyntax ParseCall();
  Target ParseSimpleTarget(bool with_namespace);
  std::string ParseDottedName();

  TokenStream& stream_;
};

}  // namespace tessera::text::jinja
