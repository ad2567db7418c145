// Methods of strings that give strings or positions.

#include "tessera/core/error.h"
#include "tessera/text/jinja/access.h"
#include "tessera/text/jinja/arithmetic.h"
#include "tessera/text/jinja/compare.h"
#include "tessera/text/jinja/lines.h"
#include "tessera/text/jinja/methods.h"
#include "tessera/text/jinja/print.h"
#include "tessera/text/jinja/text_replace.h"
#include "tessera/text/jinja/unicode.h"

namespace tessera::text::jinja {
namespace {

template <std::string (*Change)(std::string_view)>
Value Changed(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("str method", arguments, {});
  runtime.budget().Expect(self.text().size() * 2);
  return runtime.StringLike(self, Change(self.text()));
}

enum class Side { kLeft, kRight, kBoth };

template <Side side>
Value Strip(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("strip", arguments, {"chars"});
  const bool spaces = !parameters.given(0) || parameters[0].is_none();
  std::string_view text = self.text();
  const std::string_view set = spaces ? std::string_view() : parameters.Text(0, "");
  runtime.budget().Step((text.size() + set.size()) / 256);
  if (side != Side::kRight) text = spaces ? StripLeft(text) : StripLeft(text, set);
  if (side != Side::kLeft) text = spaces ? StripRight(text) : StripRight(text, set);
  return runtime.StringLike(self, std::string(text));
}

template <Padding padding>
Value Pad(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("ljust", arguments, {"width", "fillchar"}, 1);
  return runtime.StringLike(self,
                            PadText(runtime, self.text(), {parameters.Count(0, 0), parameters.Text(1, " "), padding}));
}

Value ZeroFill(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("zfill", arguments, {"width"}, 1);
  const std::string_view text = self.text();
  const bool sign = text.starts_with('-') || text.starts_with('+');
  const std::string padded =
      PadText(runtime, text.substr(sign ? 1 : 0), {parameters.Count(0, 0) - (sign ? 1 : 0), "0", Padding::kRight});
  return runtime.StringLike(self, std::string(text.substr(0, sign ? 1 : 0)) + padded);
}

// The part of the text from the code points [start, stop) that an argument pair names, and its place in bytes.
struct Window {
  std::string_view text;
  size_t byte, code_point;
};

std::optional<Window> WindowOf(const Value& self, const Parameters& parameters, size_t first) {
  const auto length = static_cast<Int>(self.string()->length);
  const auto bound = [&](size_t i, Int otherwise) {
    Int at = parameters.given(i) && !parameters[i].is_none() ? parameters.Count(i, 0) : otherwise;
    if (at < 0) at = std::max(at + length, Int{0});
    return at;
  };
  const Int start = bound(first, 0), stop = std::min(bound(first + 1, length), length);
  if (start > stop) return std::nullopt;
  const size_t begin = ByteOffset(self.text(), static_cast<size_t>(start));
  const size_t end = ByteOffset(self.text(), static_cast<size_t>(stop));
  return Window{self.text().substr(begin, end - begin), begin, static_cast<size_t>(start)};
}

Value Position(const Window& window, size_t found) {
  return static_cast<Int>(window.code_point + CountCodePoints(window.text.substr(0, found)));
}

template <bool from_right>
Value Find(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("find", arguments, {"sub", "start", "end"}, 1);
  const auto window = WindowOf(self, parameters, 1);
  if (!window) return -1;
  const std::string_view what = parameters.Text(0, "");
  runtime.budget().Step(self.text().size() / 256 + (from_right ? what.size() * (self.text().size() / 4096) : 0));
  const size_t found = from_right ? window->text.rfind(what) : FindText(window->text, what);
  return found == std::string_view::npos ? Value(-1) : Position(*window, found);
}

template <bool from_right>
Value IndexOf(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Value found = Find<from_right>(runtime, self, arguments);
  Require(found.integer() >= 0, "substring not found");
  return found;
}

Value Count(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("count", arguments, {"sub", "start", "end"}, 1);
  const auto window = WindowOf(self, parameters, 1);
  if (!window) return 0;
  const std::string_view what = parameters.Text(0, "");
  runtime.budget().Step(self.text().size() / 256);
  if (what.empty()) return static_cast<Int>(CountCodePoints(window->text) + 1);
  Int count = 0;
  for (size_t at = FindText(window->text, what); at != std::string_view::npos;
       at = FindText(window->text, what, at + what.size()))
    ++count;
  return count;
}

template <bool at_end>
Value HasAffix(Runtime&, const Value& self, const Arguments& arguments) {
  const Parameters parameters(at_end ? "endswith" : "startswith", arguments, {"prefix", "start", "end"}, 1);
  RequireDefined(parameters[0]);
  const auto window = WindowOf(self, parameters, 1);
  if (!window) return false;
  const auto matches = [&](const Value& affix) {
    Require(affix.is_string(), "{} first arg must be str or a tuple of str, not {}", at_end ? "endswith" : "startswith",
            affix.type_name());
    return at_end ? window->text.ends_with(affix.text()) : window->text.starts_with(affix.text());
  };
  if (!parameters[0].is_tuple()) return matches(parameters[0]);
  for (const Value& affix : parameters[0].list()->items)
    if (matches(affix)) return true;
  return false;
}

template <bool at_end>
Value RemoveAffix(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("removeprefix", arguments, {"prefix"}, 1);
  std::string_view text = self.text();
  const std::string_view affix = parameters.Text(0, "");
  if (at_end ? text.ends_with(affix) : text.starts_with(affix))
    at_end ? text.remove_suffix(affix.size()) : text.remove_prefix(affix.size());
  return runtime.StringLike(self, std::string(text));
}

Value Replace(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("replace", arguments, {"old", "new", "count"}, 2);
  std::string with(parameters.Text(1, ""));
  if (self.is_markup() && !parameters[1].is_markup()) with = EscapeHtml(runtime, with);
  return runtime.StringLike(self,
                            ReplaceText(runtime, self.text(), parameters.Text(0, ""), with, parameters.Count(2, -1)));
}

Value Join(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("join", arguments, {"iterable"}, 1);
  TextBuilder out(runtime.budget());
  const auto iterator = Iterate(runtime, parameters[0]);
  size_t count = 0;
  for (Value item; iterator->Next(item); ++count) {
    Require(item.is_string(), "sequence item {}: expected str instance, {} found", count, item.type_name());
    if (count > 0) out.Append(self.text());
    out.Append(item.text());
  }
  return runtime.StringLike(self, out.Finish());
}

Value ExpandTabs(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("expandtabs", arguments, {"tabsize"});
  const Int size = std::min(parameters.Count(0, 8), Int{100'000});
  TextBuilder out(runtime.budget());
  Int column = 0;
  const std::string_view text = self.text();
  for (size_t position = 0; position < text.size();) {
    const size_t begin = position;
    const char32_t c = NextCodePoint(text, position);
    if (c == '\t') {
      const Int fill = size > 0 ? size - column % size : 0;
      out.Append(static_cast<size_t>(fill), ' ');
      column += fill;
      continue;
    }
    column = c == '\n' || c == '\r' ? 0 : column + 1;
    out.Append(text.substr(begin, position - begin));
  }
  return runtime.StringLike(self, out.Finish());
}

constexpr NamedFunction kMethods[] = {
    {"upper", Changed<ToUpper>},
    {"lower", Changed<ToLower>},
    {"casefold", Changed<ToLower>},
    {"capitalize", Changed<Capitalize>},
    {"title", Changed<ToTitle>},
    {"swapcase", Changed<SwapCase>},
    {"strip", Strip<Side::kBoth>},
    {"lstrip", Strip<Side::kLeft>},
    {"rstrip", Strip<Side::kRight>},
    {"ljust", Pad<Padding::kLeft>},
    {"rjust", Pad<Padding::kRight>},
    {"center", Pad<Padding::kCenter>},
    {"zfill", ZeroFill},
    {"find", Find<false>},
    {"rfind", Find<true>},
    {"index", IndexOf<false>},
    {"rindex", IndexOf<true>},
    {"count", Count},
    {"startswith", HasAffix<false>},
    {"endswith", HasAffix<true>},
    {"removeprefix", RemoveAffix<false>},
    {"removesuffix", RemoveAffix<true>},
    {"replace", Replace},
    {"join", Join},
    {"expandtabs", ExpandTabs},
    {"format", FormatBraces},
};

}  // namespace

std::optional<NativeFunction> FindStringMethod(std::string_view name) { return FindIn(kMethods, name); }

}  // namespace tessera::text::jinja
