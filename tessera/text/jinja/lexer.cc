#include "tessera/text/jinja/lexer.h"

#include <algorithm>
#include <charconv>

#include "tessera/core/error.h"
#include "tessera/text/jinja/string_literal.h"
#include "tessera/text/jinja/unicode.h"

namespace tessera::text::jinja {
namespace {

constexpr std::string_view kOperators[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
                                           "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};

bool IsAsciiDigit(char c) { return c >= '0' && c <= '9'; }

// \r\n and \r become \n, and one newline at the end of the template is dropped.
std::string NormalizeNewlines(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      text.push_back(source[i]);
      continue;
    }
    text.push_back('\n');
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : storage_(NormalizeNewlines(source)), text_(storage_) {}

  std::vector<Token> Run() {
    while (position_ < text_.size()) Root();
    tokens_.push_back({TokenKind::kEnd, "", {}, line_});
    return std::move(tokens_);
  }

 private:
  void Root();
  void Data(std::string_view data, char sign, bool is_variable);
  void Comment();
  bool Raw();
  void Expression(TokenKind end_kind, std::string_view end);
  bool TakeEnd(TokenKind end_kind, std::string_view end);
  void ExpressionToken();
  void Number();
  void Name();
  void Text();
  void Operator();

  char At(size_t i) const { return i < text_.size() ? text_[i] : '\0'; }
  bool Sees(std::string_view what) const { return text_.substr(position_).starts_with(what); }
  size_t SkipSpace(size_t from) const { return text_.size() - StripLeft(text_.substr(from)).size(); }

  void Advance(size_t to) {
    line_ += static_cast<int>(std::count(text_.begin() + static_cast<ptrdiff_t>(position_),
                                         text_.begin() + static_cast<ptrdiff_t>(to), '\n'));
    position_ = to;
  }
  // Moves behind an end tag and, as the tag says, the white space or the newline behind it.
  void AdvanceBehindEnd(size_t end, bool strips, bool trims) {
    if (strips) end = SkipSpace(end);
    if (trims && At(end) == '\n') ++end;
    Advance(end);
    line_start_ = position_ > 0 && text_[position_ - 1] == '\n';
  }
  void Push(TokenKind kind, std::string text, Value number = {}) {
    tokens_.push_back({kind, std::move(text), std::move(number), line_});
  }

  std::string storage_;
  std::string_view text_;
  size_t position_ = 0;
  int line_ = 1;
  bool line_start_ = true;  // nothing but a newline, or the template's begin, precedes the data
  std::string brackets_;    // closing brackets that are awaited
  std::vector<Token> tokens_;
};

// The data before a tag, without the white space that the tag's sign or the rule lstrip_blocks removes.
void Lexer::Data(std::string_view data, char sign, bool is_variable) {
  std::string_view kept = data;
  if (sign == '-') {
    kept = StripRight(data);
  } else if (sign != '+' && !is_variable) {
    const size_t newline = data.rfind('\n');
    const size_t line_begin = newline == std::string_view::npos ? 0 : newline + 1;
    if ((line_begin > 0 || line_start_) && StripLeft(data.substr(line_begin)).empty())
      kept = data.substr(0, line_begin);
  }
  if (!kept.empty()) Push(TokenKind::kData, std::string(kept));
}

void Lexer::Root() {
  size_t begin = position_;
  while ((begin = text_.find('{', begin)) != std::string_view::npos) {
    const char next = At(begin + 1);
    if (next == '{' || next == '%' || next == '#') break;
    ++begin;
  }
  if (begin == std::string_view::npos) {
    Push(TokenKind::kData, std::string(text_.substr(position_)));
    position_ = text_.size();
    return;
  }
  const std::string_view data = text_.substr(position_, begin - position_);
  const char kind = At(begin + 1), sign = At(begin + 2);
  Data(data, sign, kind == '{');
  Advance(begin);
  if (kind == '#') return Comment();
  if (kind == '%' && Raw()) return;
  Push(kind == '{' ? TokenKind::kVariableBegin : TokenKind::kBlockBegin, "");
  Advance(position_ + (sign == '-' || sign == '+' ? 3 : 2));
  kind == '{' ? Expression(TokenKind::kVariableEnd, "}}") : Expression(TokenKind::kBlockEnd, "%}");
}

void Lexer::Comment() {
  const size_t end = text_.find("#}", position_ + 2);
  if (end == std::string_view::npos) FailAtLine(line_, "Missing end of comment tag");
  const char sign = end > position_ + 2 ? At(end - 1) : '\0';
  AdvanceBehindEnd(end + 2, sign == '-', sign != '-' && sign != '+');
}

// {% raw %} … {% endraw %}
bool Lexer::Raw() {
  size_t p = position_ + 2;
  if (At(p) == '-' || At(p) == '+') ++p;
  p = SkipSpace(p);
  if (text_.substr(p, 3) != "raw") return false;
  p = SkipSpace(p + 3);
  const bool strips = At(p) == '-';
  if (text_.substr(p + (strips ? 1 : 0), 2) != "%}") return false;
  const int begin_line = line_;
  AdvanceBehindEnd(p + (strips ? 3 : 2), strips, false);
  for (size_t begin = position_; (begin = text_.find("{%", begin)) != std::string_view::npos; begin += 2) {
    const char sign = At(begin + 2);
    size_t end = SkipSpace(begin + (sign == '-' || sign == '+' ? 3 : 2));
    if (text_.substr(end, 6) != "endraw") continue;
    end = SkipSpace(end + 6);
    const char end_sign = At(end);
    if (end_sign == '-' || end_sign == '+') ++end;
    if (text_.substr(end, 2) != "%}") continue;
    Data(text_.substr(position_, begin - position_), sign, false);
    AdvanceBehindEnd(end + 2, end_sign == '-', end_sign != '-' && end_sign != '+');
    return true;
  }
  FailAtLine(begin_line, "Missing end of raw directive");
}

bool Lexer::TakeEnd(TokenKind end_kind, std::string_view end) {
  const bool is_block = end_kind == TokenKind::kBlockEnd;
  const char sign = At(position_);
  const bool strips = sign == '-', keeps = is_block && sign == '+';
  if (text_.substr(position_ + (strips || keeps ? 1 : 0), 2) != end) return false;
  Push(end_kind, "");
  AdvanceBehindEnd(position_ + (strips || keeps ? 3 : 2), strips, is_block && !strips && !keeps);
  return true;
}

void Lexer::Expression(TokenKind end_kind, std::string_view end) {
  while (true) {
    Advance(SkipSpace(position_));
    if (position_ == text_.size()) return;  // the parser says what is missing
    if (brackets_.empty() && TakeEnd(end_kind, end)) return;
    ExpressionToken();
  }
}

void Lexer::ExpressionToken() {
  const char c = text_[position_];
  if (IsAsciiDigit(c)) return Number();
  if (c == '\'' || c == '"') return Text();
  size_t next = position_;
  if (IsWordCharacter(NextCodePoint(text_, next))) return Name();
  Operator();
}

void Lexer::Name() {
  size_t end = position_;
  while (end < text_.size()) {
    size_t next = end;
    if (!IsWordCharacter(NextCodePoint(text_, next))) break;
    end = next;
  }
  Push(TokenKind::kName, std::string(text_.substr(position_, end - position_)));
  Advance(end);
}

void Lexer::Text() {
  const char quote = text_[position_];
  size_t end = position_ + 1;
  while (end < text_.size() && text_[end] != quote) end += text_[end] == '\\' ? 2 : 1;
  if (end >= text_.size()) FailAtLine(line_, fmt::format("unexpected char '{}': the string has no end", quote));
  const std::string_view body = text_.substr(position_ + 1, end - position_ - 1);
  const int line = line_;
  try {
    Push(TokenKind::kString, UnescapeString(body));
  } catch (const Error& error) {
    FailAtLine(line, error.what());
  }
  Advance(end + 1);
}

void Lexer::Number() {
  const bool after_dot = position_ > 0 && text_[position_ - 1] == '.';
  const NumberLiteral literal = ReadNumber(text_.substr(position_), !after_dot);
  if (literal.size == 0) FailAtLine(line_, "the integer leaves 128 bits");
  Push(literal.value.is_float() ? TokenKind::kFloat : TokenKind::kInteger, "", literal.value);
  Advance(position_ + literal.size);
}

void Lexer::Operator() {
  const auto* found = std::find_if(std::begin(kOperators), std::end(kOperators),
                                   [&](std::string_view candidate) { return Sees(candidate); });
  if (found == std::end(kOperators)) {
    size_t next = position_;
    NextCodePoint(text_, next);
    FailAtLine(line_, fmt::format("unexpected char '{}'", text_.substr(position_, next - position_)));
  }
  const char c = (*found)[0];
  if (found->size() == 1 && (c == '(' || c == '[' || c == '{')) {
    brackets_.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
  } else if (c == ')' || c == ']' || c == '}') {
    if (brackets_.empty()) FailAtLine(line_, fmt::format("unexpected '{}'", c));
    if (brackets_.back() != c) FailAtLine(line_, fmt::format("unexpected '{}', expected '{}'", c, brackets_.back()));
    brackets_.pop_back();
  }
  Push(TokenKind::kOperator, std::string(*found));
  Advance(position_ + found->size());
}

}  // namespace

void FailAtLine(int line, std::string_view message) { Fail("template: line {}: {}", line, message); }

std::vector<Token> Tokenize(std::string_view source) { return Lexer(source).Run(); }

}  // namespace tessera::text::jinja
