#include "tessera/text/jinja/parser.h"

#include <algorithm>
#include <initializer_list>

#include "tessera/core/error.h"
#include "tessera/text/jinja/expression_parser.h"

namespace tessera::text::jinja {
namespace {

class StatementParser {
 public:
  StatementParser(std::vector<Token> tokens, const TemplateLimits& limits)
      : stream_(std::move(tokens), limits.nesting), expressions_(stream_) {}

  Body ParseAll() { return ParseUntil({}); }

 private:
  using EndNames = std::initializer_list<std::string_view>;

  // Statements up to a tag with one of the names, which stays the current token.
  Body ParseUntil(EndNames ends);
  // The rest of a tag, then its body up to one of the end tags.
  Body ParseBody(EndNames ends);
  // The same with one end tag, which is taken.
  Body ParseWholeBody(std::string_view end);

  Statement::Node ParseStatement();
  Statement::Node ParseIf();
  Statement::Node ParseFor();
  Statement::Node ParseSet();
  Statement::Node ParseMacro();
  Statement::Node ParseCallBlock();
  Statement::Node ParseFilterBlock();
  Statement::Node ParseWith();
  Statement::Node ParseBlock();
  Statement::Node ParseJump(Jump jump);
  void ParsePrint(Body& body);
  Signature ParseSignature();
  void ParseMacroBody(MacroBody& macro, std::string_view end);

  TokenStream stream_;
  ExpressionParser expressions_;
  int loops_ = 0;  // around the current statement, inside the current macro
};

template <typename Node>
void Append(Body& body, int line, Node node) {
  body.push_back(std::make_unique<const Statement>(Statement{Statement::Node(std::move(node)), line}));
}

Body StatementParser::ParseUntil(EndNames ends) {
  const TokenStream::Level level(stream_);
  Body body;
  while (stream_.current().kind != TokenKind::kEnd) {
    const int line = stream_.line();
    switch (const Token token = stream_.Take(); token.kind) {
      case TokenKind::kData:
        Append(body, line, Text{token.text});
        break;
      case TokenKind::kVariableBegin:
        Append(body, line, Output{expressions_.ParseTuple(ExpressionParser::Inline::kConditional)});
        stream_.ExpectKind(TokenKind::kVariableEnd, "end of print statement");
        break;
      default:
        if (stream_.current().kind == TokenKind::kName && std::ranges::count(ends, stream_.current().text) > 0)
          return body;
        if (stream_.SkipName("print"))
          ParsePrint(body);
        else
          body.push_back(std::make_unique<const Statement>(Statement{ParseStatement(), line}));
        stream_.ExpectKind(TokenKind::kBlockEnd, "end of statement block");
    }
  }
  if (ends.size() > 0)
    stream_.FailHere(fmt::format("the template ends inside a block that waits for '{}'", *(ends.end() - 1)));
  return body;
}

Body StatementParser::ParseBody(EndNames ends) {
  stream_.SkipOperator(":");
  stream_.ExpectKind(TokenKind::kBlockEnd, "end of statement block");
  return ParseUntil(ends);
}

Body StatementParser::ParseWholeBody(std::string_view end) {
  Body body = ParseBody({end});
  stream_.Take();
  return body;
}

Statement::Node StatementParser::ParseStatement() {
  const Token tag = stream_.current();
  if (tag.kind != TokenKind::kName) stream_.FailHere("tag name expected");
  stream_.Take();
  if (tag.text == "if") return ParseIf();
  if (tag.text == "for") return ParseFor();
  if (tag.text == "set") return ParseSet();
  if (tag.text == "macro") return ParseMacro();
  if (tag.text == "call") return ParseCallBlock();
  if (tag.text == "filter") return ParseFilterBlock();
  if (tag.text == "with") return ParseWith();
  if (tag.text == "block") return ParseBlock();
  if (tag.text == "generation") return Scoped{ParseWholeBody("endgeneration")};
  if (tag.text == "break") return ParseJump(Jump::kBreak);
  if (tag.text == "continue") return ParseJump(Jump::kContinue);
  for (const std::string_view file_tag : {"include", "import", "from", "extends"})
    if (tag.text == file_tag)
      FailAtLine(tag.line, fmt::format("'{}' needs other files; a chat template has none", tag.text));
  FailAtLine(tag.line, fmt::format("Encountered unknown tag '{}'.", tag.text));
}

Statement::Node StatementParser::ParseIf() {
  If node;
  while (true) {
    ExpressionPtr condition = expressions_.ParseTuple(ExpressionParser::Inline::kNone);
    node.branches.emplace_back(std::move(condition), ParseBody({"elif", "else", "endif"}));
    const std::string end = stream_.Take().text;
    if (end == "elif") continue;
    if (end == "else") node.otherwise = ParseWholeBody("endif");
    return node;
  }
}

Statement::Node StatementParser::ParseFor() {
  For node{};
  node.target = expressions_.ParseTarget("in", false);
  stream_.ExpectName("in");
  node.items = expressions_.ParseTuple(ExpressionParser::Inline::kNone, "recursive");
  if (stream_.SkipName("if")) node.filter = expressions_.ParseExpression();
  node.recursive = stream_.SkipName("recursive");
  ++loops_;
  node.body = ParseBody({"endfor", "else"});
  --loops_;
  if (stream_.Take().text == "else") node.otherwise = ParseWholeBody("endfor");
  return node;
}

Statement::Node StatementParser::ParseSet() {
  Target target = expressions_.ParseTarget("", true);
  if (stream_.SkipOperator("="))
    return Set{std::move(target), expressions_.ParseTuple(ExpressionParser::Inline::kConditional)};
  ExpressionPtr filter = expressions_.ParseFilters(nullptr);
  return SetBlock{std::move(target), std::move(filter), ParseWholeBody("endset")};
}

Signature StatementParser::ParseSignature() {
  Signature signature;
  stream_.ExpectOperator("(");
  while (!stream_.SkipOperator(")")) {
    if (!signature.names.empty()) {
      stream_.ExpectOperator(",");
      if (stream_.SkipOperator(")")) break;
    }
    signature.names.push_back(stream_.TakeName());
    if (stream_.SkipOperator("="))
      signature.defaults.push_back(expressions_.ParseExpression());
    else if (!signature.defaults.empty())
      stream_.FailHere("non-default argument follows default argument");
  }
  return signature;
}

void StatementParser::ParseMacroBody(MacroBody& macro, std::string_view end) {
  const MacroUses outer = std::exchange(expressions_.uses, {});
  const int loops = std::exchange(loops_, 0);
  macro.body = ParseWholeBody(end);
  loops_ = loops;
  const MacroUses& inner = expressions_.uses;
  macro.uses_caller = inner.caller;
  macro.uses_varargs = inner.varargs;
  macro.uses_kwargs = inner.kwargs;
  expressions_.uses = {outer.caller || inner.caller, outer.varargs || inner.varargs, outer.kwargs || inner.kwargs};
}

Statement::Node StatementParser::ParseMacro() {
  MacroDefinition node;
  node.macro.name = stream_.TakeName();
  node.macro.signature = ParseSignature();
  ParseMacroBody(node.macro, "endmacro");
  return node;
}

Statement::Node StatementParser::ParseCallBlock() {
  CallBlock node;
  node.caller.name = "caller";
  if (stream_.current().IsOperator("(")) node.caller.signature = ParseSignature();
  node.call = expressions_.ParseExpression();
  if (!std::holds_alternative<CallOf>(node.call->node)) stream_.FailHere("expected call");
  ParseMacroBody(node.caller, "endcall");
  return node;
}

Statement::Node StatementParser::ParseFilterBlock() {
  ExpressionPtr filter = expressions_.ParseFilterChain(nullptr);
  return FilterBlock{std::move(filter), ParseWholeBody("endfilter")};
}

Statement::Node StatementParser::ParseWith() {
  With node;
  while (stream_.current().kind != TokenKind::kBlockEnd) {
    if (!node.values.empty()) stream_.ExpectOperator(",");
    Target target = expressions_.ParseTarget("", false);
    stream_.ExpectOperator("=");
    node.values.emplace_back(std::move(target), expressions_.ParseExpression());
  }
  node.body = ParseWholeBody("endwith");
  return node;
}

Statement::Node StatementParser::ParseBlock() {
  BlockStatement node{stream_.TakeName(), false, {}};
  node.scoped = stream_.SkipName("scoped");
  stream_.SkipName("required");
  const int loops = std::exchange(loops_, 0);
  node.body = ParseWholeBody("endblock");
  loops_ = loops;
  stream_.SkipName(node.name);
  return node;
}

Statement::Node StatementParser::ParseJump(Jump jump) {
  if (loops_ == 0) stream_.FailHere("'break' and 'continue' belong inside a loop");
  return JumpStatement{jump};
}

void StatementParser::ParsePrint(Body& body) {
  while (stream_.current().kind != TokenKind::kBlockEnd) {
    const int line = stream_.line();
    Append(body, line, Output{expressions_.ParseExpression()});
    if (stream_.current().kind != TokenKind::kBlockEnd) stream_.ExpectOperator(",");
  }
}

}  // namespace

Body ParseTemplate(std::string_view source, const TemplateLimits& limits) {
  return StatementParser(Tokenize(source), limits).ParseAll();
}

}  // namespace tessera::text::jinja
