#include "tessera/text/jinja/token_stream.h"

#include "tessera/core/error.h"
#include "tessera/text/jinja/print.h"

namespace tessera::text::jinja {
namespace {

std::string Describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::kData:
      return "text";
    case TokenKind::kVariableBegin:
      return "begin of print statement";
    case TokenKind::kVariableEnd:
      return "end of print statement";
    case TokenKind::kBlockBegin:
      return "begin of statement block";
    case TokenKind::kBlockEnd:
      return "end of statement block";
    case TokenKind::kEnd:
      return "end of template";
    case TokenKind::kInteger:
      return IntegerText(token.number.integer());
    case TokenKind::kFloat:
      return FloatText(token.number.floating());
    default:
      return token.text.substr(0, 100);
  }
}

}  // namespace

Token TokenStream::Take() {
  Token token = current();
  if (token.kind != TokenKind::kEnd) ++position_;
  return token;
}

bool TokenStream::SkipName(std::string_view name) {
  if (!current().IsName(name)) return false;
  ++position_;
  return true;
}

bool TokenStream::SkipOperator(std::string_view sign) {
  if (!current().IsOperator(sign)) return false;
  ++position_;
  return true;
}

std::string TokenStream::TakeName() {
  if (current().kind != TokenKind::kName) FailUnexpected("a name");
  return Take().text;
}

void TokenStream::ExpectName(std::string_view name) {
  if (!SkipName(name)) FailUnexpected(name);
}

void TokenStream::ExpectOperator(std::string_view sign) {
  if (!SkipOperator(sign)) FailUnexpected(sign);
}

void TokenStream::ExpectKind(TokenKind kind, std::string_view what) {
  if (current().kind != kind) FailUnexpected(what);
  ++position_;
}

void TokenStream::FailHere(std::string_view message) const { FailAtLine(line(), message); }

void TokenStream::FailUnexpected(std::string_view expected) const {
  FailHere(fmt::format("expected '{}', got '{}'", expected, Describe(current())));
}

TokenStream::Level::Level(TokenStream& stream) : stream_(stream) {
  if (stream_.nesting_ >= stream_.max_nesting_)
    stream_.FailHere(fmt::format("nested deeper than {} levels", stream_.max_nesting_));
  ++stream_.nesting_;
}

}  // namespace tessera::text::jinja
