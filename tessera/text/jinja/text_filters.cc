// Filters on text: case, trim, replace, join, tojson and their like.

#include "tessera/core/error.h"
#include "tessera/text/jinja/access.h"
#include "tessera/text/jinja/arithmetic.h"
#include "tessera/text/jinja/compare.h"
#include "tessera/text/jinja/filters.h"
#include "tessera/text/jinja/print.h"
#include "tessera/text/jinja/text_replace.h"
#include "tessera/text/jinja/unicode.h"

namespace tessera::text::jinja {
namespace {

Value Upper(Runtime& runtime, const Value& input, const Arguments&) {
  return runtime.StringLike(input, ToUpper(Str(runtime, input)));
}

Value Lower(Runtime& runtime, const Value& input, const Arguments&) {
  return runtime.StringLike(input, ToLower(Str(runtime, input)));
}

Value CapitalizeFilter(Runtime& runtime, const Value& input, const Arguments&) {
  return runtime.StringLike(input, Capitalize(Str(runtime, input)));
}

bool StartsWord(char32_t before) {
  return before == '-' || before == '(' || before == '{' || before == '[' || before == '<' || IsSpace(before);
}

// A word begins behind white space and - ( { [ <, otherwise than in str.title().
Value Title(Runtime& runtime, const Value& input, const Arguments&) {
  const std::string text = Str(runtime, input);
  std::string out;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = begin, next = begin;
    char32_t c = NextCodePoint(text, next);
    const bool separators = StartsWord(c);
    for (end = next; end < text.size(); end = next) {
      c = NextCodePoint(text, next);
      if (StartsWord(c) != separators) break;
    }
    size_t second = begin;
    NextCodePoint(text, second);
    out += ToUpper(std::string_view(text).substr(begin, second - begin));
    out += ToLower(std::string_view(text).substr(second, end - second));
    begin = end;
  }
  return runtime.String(std::move(out));
}

Value Trim(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters parameters("trim", arguments, {"chars"});
  const std::string text = Str(runtime, input);
  if (!parameters.given(0) || parameters[0].is_none())
    return runtime.StringLike(input, std::string(StripLeft(StripRight(text))));
  const std::string_view characters = parameters.Text(0, "");
  return runtime.StringLike(input, std::string(StripLeft(StripRight(text, characters), characters)));
}

Value Replace(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters parameters("replace", arguments, {"old", "new", "count"}, 2);
  const bool unlimited = !parameters.given(2) || parameters[2].is_none();
  const std::string text = Str(runtime, input);
  const std::string what = Str(runtime, parameters[0]);
  std::string with = Str(runtime, parameters[1]);
  if (input.is_markup() && !parameters[1].is_markup()) with = EscapeHtml(runtime, with);
  return runtime.StringLike(input, ReplaceText(runtime, text, what, with, unlimited ? -1 : parameters.Count(2, -1)));
}

Value Join(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters parameters("join", arguments, {"d", "attribute"});
  const std::string separator = parameters.given(0) ? Str(runtime, parameters[0]) : "";
  const bool mapped = parameters.given(1) && !parameters[1].is_none();
  TextBuilder out(runtime.budget());
  const auto iterator = Iterate(runtime, input);
  bool first = true;
  std::string storage;
  for (Value item; iterator->Next(item); first = false) {
    if (!first) out.Append(separator);
    if (mapped) item = LookUpPath(runtime, item, parameters[1]);
    out.Append(TextOf(runtime, item, storage));
  }
  return runtime.String(out.Finish());
}

Value StringFilter(Runtime& runtime, const Value& input, const Arguments&) {
  return input.is_string() ? input : runtime.String(Str(runtime, input));
}

JsonStyle JsonStyleOf(Runtime& runtime, const Parameters& parameters) {
  JsonStyle style;
  style.ascii = parameters.Flag(runtime, 0, false);
  if (parameters.given(1) && !parameters[1].is_none()) {
    const Value& indent = parameters[1];
    if (indent.is_string()) {
      style.indent = std::string(indent.text());
    } else {
      const Int width = parameters.Count(1, 0);
      Require(width <= 1000, "tojson: an indent of more than 1000 spaces");
      style.indent = std::string(width > 0 ? static_cast<size_t>(width) : 0, ' ');
    }
    style.item_separator = ",";
  }
  if (parameters.given(2) && !parameters[2].is_none()) {
    const Values separators = Collect(runtime, parameters[2]);
    Require(separators.size() == 2, "tojson: separators must be a pair");
    style.item_separator = Str(runtime, separators[0]);
    style.key_separator = Str(runtime, separators[1]);
  }
  style.sort_keys = parameters.Flag(runtime, 3, false);
  return style;
}

Value ToJsonFilter(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters parameters("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"});
  RequireDefined(input);
  return runtime.String(ToJson(runtime, input, JsonStyleOf(runtime, parameters)));
}

Value FormatFilter(Runtime& runtime, const Value& input, const Arguments& arguments) {
  Require(arguments.positional.empty() || arguments.keyword.empty(),
          "can't handle positional and keyword arguments at the same time");
  const Value format = StringFilter(runtime, input, {});
  if (arguments.keyword.empty()) return FormatPercent(runtime, format, runtime.Tuple(arguments.positional));
  DictBody::Entries entries;
  for (const auto& [key, value] : arguments.keyword) entries.emplace_back(runtime.String(key), value);
  return FormatPercent(runtime, format, runtime.Dict(std::move(entries)));
}

Value WordCount(Runtime& runtime, const Value& input, const Arguments&) {
  int count = 0;
  bool inside = false;
  const std::string text = Str(runtime, input);
  for (size_t position = 0; position < text.size();) {
    const bool word = IsWordCharacter(NextCodePoint(text, position));
    count += word && !inside ? 1 : 0;
    inside = word;
  }
  return count;
}

Value PrettyPrint(Runtime& runtime, const Value& input, const Arguments&) {
  return runtime.String(Repr(runtime, input));
}

constexpr NamedFunction kFilters[] = {
    {"upper", Upper},         {"lower", Lower},         {"capitalize", CapitalizeFilter},
    {"title", Title},         {"trim", Trim},           {"replace", Replace},
    {"join", Join},           {"string", StringFilter}, {"tojson", ToJsonFilter},
    {"format", FormatFilter}, {"wordcount", WordCount}, {"pprint", PrettyPrint},
};

}  // namespace

std::optional<NativeFunction> FindTextFilter(std::string_view name) {
  for (const NamedFunction& entry : kFilters)
    if (entry.name == name) return entry.function;
  return std::nullopt;
}

}  // namespace tessera::text::jinja
