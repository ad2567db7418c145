#pragma once
// The tokens that a parser walks along, and the nesting it is in.

#include <string_view>
#include <vector>

#include "tessera/text/jinja/lexer.h"

namespace tessera::text::jinja {

class TokenStream {
 public:
  TokenStream(std::vector<Token> tokens, int max_nesting) : tokens_(std::move(tokens)), max_nesting_(max_nesting) {}

  const Token& current() const { return tokens_[position_]; }
  const Token& ahead() const { return tokens_[std::min(position_ + 1, tokens_.size() - 1)]; }
  int line() const { return current().line; }

  Token Take();  // the current token; moves on
  bool SkipName(std::string_view name);
  bool SkipOperator(std::string_view sign);
  std::string TakeName();  // throws Error unless a name stands here
  void ExpectName(std::string_view name);
  void ExpectOperator(std::string_view sign);
  void ExpectKind(TokenKind kind, std::string_view what);
  [[noreturn]] void FailHere(std::string_view message) const;
  [[noreturn]] void FailUnexpected(std::string_view expected) const;

  // One level of brackets or blocks while it lives.
  class Level {
   public:
    explicit Level(TokenStream& stream);
    ~Level() { --stream_.nesting_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    TokenStream& stream_;
  };

 private:
  std::vector<Token> tokens_;
  size_t position_ = 0;
  int nesting_ = 0, max_nesting_;
};

}  // namespace tessera::text::jinja
