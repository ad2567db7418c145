#pragma once
// A template as tokens, with the white space rules trim_blocks and lstrip_blocks of chat templates.

#include <string>
#include <string_view>
#include <vector>

#include "tessera/text/jinja/value.h"

namespace tessera::text::jinja {

enum class TokenKind {
  kData,
  kVariableBegin,
  kVariableEnd,
  kBlockBegin,
  kBlockEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,
  kEnd
};

struct Token {
  TokenKind kind;
  std::string text;  // the data, name, operator, or the string's content
  Value number;      // of integers and floats
  int line;

  bool Is(TokenKind k, std::string_view t) const { return kind == k && text == t; }
  bool IsName(std::string_view name) const { return Is(TokenKind::kName, name); }
  bool IsOperator(std::string_view sign) const { return Is(TokenKind::kOperator, sign); }
};

// Throws Error "template: line 3: …".
std::vector<Token> Tokenize(std::string_view source);

// Throws Error "template: line `line`: message".
[[noreturn]] void FailAtLine(int line, std::string_view message);

}  // namespace tessera::text::jinja
