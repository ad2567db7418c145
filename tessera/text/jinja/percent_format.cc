// printf-style formatting: the % operator on strings and the filter `format`.

#include <cmath>

#include "tessera/core/error.h"
#include "tessera/text/jinja/arithmetic.h"
#include "tessera/text/jinja/compare.h"
#include "tessera/text/jinja/number_format.h"
#include "tessera/text/jinja/parameters.h"
#include "tessera/text/jinja/print.h"
#include "tessera/text/jinja/unicode.h"

namespace tessera::text::jinja {
namespace {

class PercentFormatter {
 public:
  PercentFormatter(Runtime& runtime, const Value& format, const Value& values)
      : runtime_(runtime),
        format_(format.text()),
        markup_(format.is_markup()),
        values_(values),
        out_(runtime.budget()) {}

  std::string Run() {
    while (at_ < format_.size()) {
      const size_t percent = std::min(format_.find('%', at_), format_.size());
      out_.Append(format_.substr(at_, percent - at_));
      at_ = percent + 1;
      if (percent < format_.size()) Directive();
    }
    const bool is_mapping = values_.dict() != nullptr;
    const size_t given = values_.is_tuple() ? values_.list()->items.size() : is_mapping ? used_ : 1;
    Require(used_ >= given, "not all arguments converted during string formatting");
    return out_.Finish();
  }

 private:
  char Take() {
    Require(at_ < format_.size(), "incomplete format");
    return format_[at_++];
  }
  char Peek() const { return at_ < format_.size() ? format_[at_] : '\0'; }

  const Value& Next() {
    if (key_ != nullptr) return *key_;
    if (values_.is_tuple()) {
      Require(used_ < values_.list()->items.size(), "not enough arguments for format string");
      return values_.list()->items[used_++];
    }
    Require(used_++ == 0, "not enough arguments for format string");
    return values_;
  }

  Int Number() {
    if (Peek() == '*') {
      ++at_;
      const Value& value = Next();
      Require(value.is_integer(), "* wants int");
      return ClampCount(value.integer());
    }
    Int value = 0;
    while (Peek() >= '0' && Peek() <= '9') {
      value = value * 10 + (Take() - '0');
      Require(value <= Int{1} << 30, "width too big");
    }
    return value;
  }

  void Key() {
    key_ = nullptr;
    if (Peek() != '(') return;
    const size_t begin = ++at_;
    int depth = 1;
    while (depth > 0) {
      const char c = at_ < format_.size() ? format_[at_++] : '\0';
      Require(c != '\0', "incomplete format key");
      depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    }
    Require(values_.dict() != nullptr, "format requires a mapping");
    const std::string_view name = format_.substr(begin, at_ - begin - 1);
    key_ = values_.dict()->Find(name);
    Require(key_ != nullptr, "the key '{}' is missing", name);
  }

  void Directive() {
    Key();
    FormatSpec spec;
    spec.align = '>';
    bool left = false, zero = false;
    for (; std::string_view("-+ #0").find(Peek()) != std::string_view::npos && Peek() != '\0'; ++at_) {
      left |= Peek() == '-';
      zero |= Peek() == '0';
      spec.alternate |= Peek() == '#';
      if (Peek() == '+' || (Peek() == ' ' && spec.sign != '+')) spec.sign = Peek();
    }
    spec.width = Number();
    if (spec.width < 0) left = true, spec.width = -spec.width;
    if (Peek() == '.') {
      ++at_;
      spec.precision = static_cast<int>(std::min(std::max(Number(), Int{0}), Int{1} << 30));
    }
    while (Peek() == 'l' || Peek() == 'h' || Peek() == 'L') ++at_;
    spec.type = Take();
    if (spec.type == '%') return out_.Append("%");
    if (left) spec.align = '<';
    Convert(spec, zero && !left);
  }

  void Convert(FormatSpec spec, bool zero) {
    const Value& value = Next();
    switch (spec.type) {
      case 's':
      case 'r':
      case 'a':
        return ConvertText(spec, value);
      case 'c':
        return ConvertCharacter(spec, value);
      case 'd':
      case 'i':
      case 'u':
      case 'o':
      case 'x':
      case 'X':
        return ConvertInteger(spec, value, zero);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        RequireDefined(value);
        Require(value.is_number(), "must be real number, not {}", value.type_name());
        if (zero) spec.align = '=', spec.fill = "0";
        return out_.Append(FormatValue(runtime_, value.floating(), spec));
      default:
        Fail("unsupported format character '{}'", spec.type);
    }
  }

  void ConvertText(FormatSpec spec, const Value& value) {
    std::string text = spec.type == 's' ? Str(runtime_, value) : Repr(runtime_, value);
    if (markup_ && !value.is_markup()) text = EscapeHtml(runtime_, text);
    spec.type = 's';
    out_.Append(FormatValue(runtime_, runtime_.String(std::move(text)), spec));
  }

  void ConvertCharacter(FormatSpec spec, const Value& value) {
    if (value.is_string()) {
      Require(value.string()->length == 1, "%c requires int or char");
      return ConvertText((spec.type = 's', spec), value);
    }
    Require(value.is_integer(), "%c requires int or char");
    out_.Append(FormatValue(runtime_, value.integer(), spec));
  }

  void ConvertInteger(FormatSpec spec, const Value& value, bool zero) {
    RequireDefined(value);
    Require(value.is_number(), "%{} format: a real number is required, not {}", spec.type, value.type_name());
    Require(value.is_integer() || (spec.type != 'x' && spec.type != 'X' && spec.type != 'o'),
            "%{} format: an integer is required, not {}", spec.type, value.type_name());
    Require(value.is_integer() || std::abs(value.floating()) < 0x1p126, "cannot convert float to integer");
    const Int number = value.is_integer() ? value.integer() : static_cast<Int>(value.floating());
    if (spec.type == 'i' || spec.type == 'u') spec.type = 'd';
    if (spec.precision) {  // at least that many digits
      Require(*spec.precision <= 1000, "precision too big");
      FormatSpec digits = spec;
      digits.precision.reset();
      digits.align = '=', digits.fill = "0";
      const bool has_sign = number < 0 || spec.sign != '-';
      digits.width = *spec.precision + (has_sign ? 1 : 0) + (spec.alternate && spec.type != 'd' ? 2 : 0);
      const std::string text = FormatValue(runtime_, number, digits);
      spec.precision.reset();
      spec.type = 's';
      return out_.Append(FormatValue(runtime_, runtime_.String(text), spec));
    }
    if (zero) spec.align = '=', spec.fill = "0";
    out_.Append(FormatValue(runtime_, number, spec));
  }

  Runtime& runtime_;
  std::string_view format_;
  bool markup_;
  const Value& values_;
  TextBuilder out_;
  size_t at_ = 0, used_ = 0;
  const Value* key_ = nullptr;
};

}  // namespace

Value FormatPercent(Runtime& runtime, const Value& format, const Value& values) {
  return runtime.StringLike(format, PercentFormatter(runtime, format, values).Run());
}

}  // namespace tessera::text::jinja
