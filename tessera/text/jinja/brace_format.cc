// str.format: "{0} {name.attribute[key]!r:>8}".

#include <charconv>

#include "tessera/core/error.h"
#include "tessera/text/jinja/access.h"
#include "tessera/text/jinja/arithmetic.h"
#include "tessera/text/jinja/compare.h"
#include "tessera/text/jinja/methods.h"
#include "tessera/text/jinja/number_format.h"
#include "tessera/text/jinja/print.h"

namespace tessera::text::jinja {
namespace {

class BraceFormatter {
 public:
  BraceFormatter(Runtime& runtime, bool markup, const Arguments& arguments)
      : runtime_(runtime), markup_(markup), arguments_(arguments) {}

  std::string Expand(std::string_view format, int level) {
    Require(level <= 2, "Max string recursion exceeded");
    TextBuilder out(runtime_.budget());
    for (size_t at = 0; at < format.size();) {
      const char c = format[at];
      if (c != '{' && c != '}') {
        const size_t end = std::min(format.find_first_of("{}", at), format.size());
        out.Append(format.substr(at, end - at));
        at = end;
      } else if (format.substr(at + 1).starts_with(c)) {
        out.Append(1, c);
        at += 2;
      } else {
        Require(c == '{', "Single '}}' encountered in format string");
        const size_t end = FieldEnd(format, at + 1);
        out.Append(Field(format.substr(at + 1, end - at - 1), level));
        at = end + 1;
      }
    }
    return out.Finish();
  }

 private:
  static size_t FieldEnd(std::string_view format, size_t at) {
    int depth = 1;
    for (; at < format.size(); ++at) {
      depth += format[at] == '{' ? 1 : format[at] == '}' ? -1 : 0;
      if (depth == 0) return at;
    }
    Fail("expected '}}' before end of string");
  }

  std::string Field(std::string_view field, int level) {
    size_t name_end = 0;
    for (bool in_brackets = false; name_end < field.size(); ++name_end) {
      if (field[name_end] == '[') in_brackets = true;
      if (field[name_end] == ']') in_brackets = false;
      if (!in_brackets && (field[name_end] == '!' || field[name_end] == ':')) break;
    }
    Value value = LookUp(field.substr(0, name_end));
    std::string_view rest = field.substr(name_end);
    if (rest.starts_with('!')) {
      Require(rest.size() >= 2 && (rest.size() == 2 || rest[2] == ':'), "expected ':' after conversion specifier");
      Require(rest[1] == 's' || rest[1] == 'r' || rest[1] == 'a', "Unknown conversion specifier {}", rest[1]);
      value = runtime_.String(rest[1] == 's' ? Str(runtime_, value) : Repr(runtime_, value));
      rest.remove_prefix(2);
    }
    if (rest.starts_with(':')) rest.remove_prefix(1);
    const std::string spec = Expand(rest, level + 1);
    if (spec.empty()) return Escaped(value, Str(runtime_, value));
    RequireDefined(value);
    Require(value.is_string() || value.is_number(), "unsupported format string passed to {}.__format__",
            value.type_name());
    return Escaped(value, FormatValue(runtime_, value, ParseFormatSpec(spec)));
  }

  std::string Escaped(const Value& value, std::string text) {
    return markup_ && !value.is_markup() ? EscapeHtml(runtime_, text) : text;
  }

  Value LookUp(std::string_view name) {
    const size_t first_end = std::min(name.find_first_of(".["), name.size());
    Value value = Argument(name.substr(0, first_end));
    std::string_view rest = name.substr(first_end);
    while (!rest.empty()) {
      const bool attribute = rest[0] == '.';
      Require(attribute || rest[0] == '[', "Only '.' or '[' may follow ']' in format field specifier");
      rest.remove_prefix(1);
      const size_t end = attribute ? std::min(rest.find_first_of(".["), rest.size()) : rest.find(']');
      Require(end != std::string_view::npos, "Missing ']' in format string");
      const std::string_view key = rest.substr(0, end);
      Require(!key.empty(), "Empty attribute in format string");
      value = attribute ? GetAttribute(runtime_, value, key) : GetItem(runtime_, value, Key(key));
      rest.remove_prefix(attribute ? end : end + 1);
    }
    return value;
  }

  Value Key(std::string_view key) {
    if (const auto index = Number(key)) return Int{*index};
    return runtime_.String(std::string(key));
  }

  static std::optional<size_t> Number(std::string_view text) {
    size_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
  }

  Value Argument(std::string_view name) {
    const auto number = name.empty() ? std::optional(next_++) : Number(name);
    if (number) {
      Require(*number < arguments_.positional.size(), "Replacement index {} out of range for positional args tuple",
              *number);
      return arguments_.positional[*number];
    }
    const Value* found = arguments_.Keyword(name);
    Require(found != nullptr, "the key '{}' is missing", name);
    return *found;
  }

  Runtime& runtime_;
  bool markup_;
  const Arguments& arguments_;
  size_t next_ = 0;
};

}  // namespace

Value FormatBraces(Runtime& runtime, const Value& format, const Arguments& arguments) {
  return runtime.StringLike(format, BraceFormatter(runtime, format.is_markup(), arguments).Expand(format.text(), 0));
}

}  // namespace tessera::text::jinja
