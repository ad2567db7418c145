#include "tessera/math/calculus/parse.h"

#include <algorithm>
#include <optional>

#include "tessera/math/errors.h"

namespace tessera::math::calculus {
namespace {

// Of the C locale, whatever the program's is.
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

class Parser {
 public:
  Parser(std::string_view text, Graph& graph) : text_(text), graph_(graph) {}

  NodeId Parse() {
    const NodeId result = Sum();
    if (at_ < text_.size()) Unexpected();
    if (meaning_) throw *meaning_;  // a mistake in the meaning is told only if the form is right
    return result;
  }

 private:
  std::string_view text_;
  Graph& graph_;
  size_t at_ = 0;
  int depth_ = 0;
  std::optional<MathError> meaning_;
  size_t meaning_rank_ = 2;  // unknown functions come before wrong numbers of arguments

  size_t Column(size_t at) const {
    return 1 + static_cast<size_t>(std::count_if(text_.begin(), text_.begin() + static_cast<ptrdiff_t>(at),
                                                 [](char c) { return (c & 0xC0) != 0x80; }));
  }

  [[noreturn]] void Unexpected() const {
    const size_t column = Column(at_);
    if (at_ >= text_.size())
      throw MathError(Fault::kBadInput, "syntax",
                      fmt::format("column {}: the expression ends where something must follow", column), column);
    size_t length = 1;
    while (at_ + length < text_.size() && (text_[at_ + length] & 0xC0) == 0x80) ++length;
    const bool operand = IsDigit(text_[at_]) || IsLetter(text_[at_]) || text_[at_] == '(';
    throw MathError(Fault::kBadInput, "syntax",
                    fmt::format("column {}: \"{}\" cannot stand here{}", column, text_.substr(at_, length),
                                operand ? "; a product is written with *" : ""),
                    column);
  }

  struct Nested {
    explicit Nested(Parser& p) : parser(p) {
      if (++parser.depth_ > kMaxNesting) {
        const size_t column = parser.Column(parser.at_);
        throw MathError(Fault::kBadInput, "too-large",
                        fmt::format("column {}: nested more than {} deep", column, kMaxNesting), column);
      }
    }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;
    ~Nested() { --parser.depth_; }
    Parser& parser;
  };

  char Peek() {
    while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool Take(char c) {
    if (Peek() != c || at_ >= text_.size()) return false;
    ++at_;
    return true;
  }

  NodeId Sum() {
    NodeId left = Product();
    for (;;) {
      if (Take('+')) {
        left = graph_.Make(Op::kAdd, left, Product());
      } else if (Take('-')) {
        left = graph_.Make(Op::kSubtract, left, Product());
      } else {
        return left;
      }
    }
  }

  NodeId Product() {
    NodeId left = Unary();
    for (;;) {
      if (Take('*')) {
        left = graph_.Make(Op::kMultiply, left, Unary());
      } else if (Take('/')) {
        left = graph_.Make(Op::kDivide, left, Unary());
      } else {
        return left;
      }
    }
  }

  NodeId Unary() {
    const Nested nested(*this);
    if (Take('-')) return graph_.Make(Op::kNegate, Unary());
    if (Take('+')) return Unary();
    const NodeId base = Atom();
    if (!Take('^')) return base;
    return graph_.Make(Op::kPower, base, Unary());
  }

  NodeId Atom() {
    const char c = Peek();
    if (IsDigit(c) || c == '.') return Number();
    if (IsLetter(c)) return Name();
    if (!Take('(')) Unexpected();
    const NodeId inside = Sum();
    if (!Take(')')) Unexpected();
    return inside;
  }

  void Digits() {
    while (at_ < text_.size() && IsDigit(text_[at_])) ++at_;
  }

  NodeId Number() {
    const size_t from = at_;
    Digits();
    size_t digits = at_ - from;
    if (at_ < text_.size() && text_[at_] == '.') {
      const size_t point = at_++;
      Digits();
      digits += at_ - point - 1;
    }
    if (digits == 0) Unexpected();
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      size_t power = at_ + 1;
      if (power < text_.size() && (text_[power] == '+' || text_[power] == '-')) ++power;
      if (power < text_.size() && IsDigit(text_[power])) {  // else the e is somebody's mistake, told at its column
        at_ = power;
        Digits();
      }
    }
    try {
      return graph_.Number(ParseRational(text_.substr(from, at_ - from), "number"));
    } catch (const MathError& error) {
      throw MathError(Fault::kBadInput, error.code(), fmt::format("column {}: {}", Column(from), error.what()),
                      Column(from));
    }
  }

  NodeId Name() {
    const size_t from = at_;
    while (at_ < text_.size() && (IsLetter(text_[at_]) || IsDigit(text_[at_]) || text_[at_] == '_')) ++at_;
    const std::string_view name = text_.substr(from, at_ - from);
    if (Peek() == '(') return Call(name, from);
    if (name == "pi") return graph_.Constant(Op::kPi);
    if (name == "e") return graph_.Constant(Op::kE);
    Op op;
    if (FindFunction(name, op)) Unexpected();  // a function without its arguments
    return graph_.Variable(name);
  }

  void Mean(size_t rank, const char* code, size_t from, const std::string& text) {
    if (rank >= meaning_rank_) return;
    meaning_rank_ = rank;
    const size_t column = Column(from);
    meaning_.emplace(Fault::kBadInput, code, fmt::format("column {}: {}", column, text), column);
  }

  NodeId Call(std::string_view name, size_t from) {
    ++at_;  // the bracket
    const NodeId first = Sum();
    NodeId second = -1;
    int count = 1;
    while (Take(',')) {
      const NodeId next = Sum();
      if (++count == 2) second = next;
    }
    if (!Take(')')) Unexpected();
    Op op;
    if (!FindFunction(name, op)) {
      Mean(0, "unknown-function", from,
           fmt::format("there is no function \"{}\"; there are sin cos tan asin acos atan sinh cosh tanh exp ln sqrt "
                       "abs atan2 max min",
                       name.substr(0, 60)));
      return first;
    }
    const int wanted = OperandCount(op);
    if (count != wanted) {
      Mean(1, "arity", from,
           fmt::format("{} takes {} argument{}, not {}", name, wanted, wanted == 1 ? "" : "s", count));
      return first;
    }
    return graph_.Make(op, first, second);
  }
};

}  // namespace

NodeId ParseExpression(std::string_view text, Graph& graph) {
  if (text.size() > kMaxExpressionBytes)
    FailInput("too-large", "the expression has {} bytes; the limit is {}", text.size(), kMaxExpressionBytes);
  return Parser(text, graph).Parse();
}

}  // namespace tessera::math::calculus
