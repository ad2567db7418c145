// Filters that lay text out: indent, center, truncate, wordwrap.

#include <algorithm>

#include "tessera/core/error.h"
#include "tessera/text/jinja/filters.h"
#include "tessera/text/jinja/lines.h"
#include "tessera/text/jinja/print.h"
#include "tessera/text/jinja/unicode.h"

namespace tessera::text::jinja {
namespace {

std::string IndentText(Runtime& runtime, const Parameters& parameters) {
  if (parameters.given(0) && parameters[0].is_string()) return std::string(parameters[0].text());
  const Int width = parameters.Count(0, 4);
  Require(width <= 100'000, "indent: a width of more than 100000");
  runtime.budget().Step();
  return std::string(width > 0 ? static_cast<size_t>(width) : 0, ' ');
}

Value Indent(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters parameters("indent", arguments, {"width", "first", "blank"});
  const std::string indent = IndentText(runtime, parameters);
  const bool first = parameters.Flag(runtime, 1, false), blank = parameters.Flag(runtime, 2, false);
  const std::string text = Str(runtime, input) + "\n";  // so that a newline at the end begins a line
  TextBuilder out(runtime.budget());
  if (first) out.Append(indent);
  const auto lines = SplitLines(text);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out.Append("\n");
    if (i > 0 && (blank || !lines[i].empty())) out.Append(indent);
    out.Append(lines[i]);
  }
  return runtime.StringLike(input, out.Finish());
}

Value Center(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters parameters("center", arguments, {"width"});
  return runtime.StringLike(input,
                            PadText(runtime, Str(runtime, input), {parameters.Count(0, 80), " ", Padding::kCenter}));
}

Value Truncate(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters parameters("truncate", arguments, {"length", "killwords", "end", "leeway"});
  const std::string text = Str(runtime, input);
  const std::string end = parameters.given(2) ? Str(runtime, parameters[2]) : "...";
  const Int length = parameters.Count(0, 255),
            leeway = parameters.given(3) && !parameters[3].is_none() ? parameters.Count(3, 5) : Int{5};
  const auto end_length = static_cast<Int>(CountCodePoints(end));
  Require(length >= end_length, "expected length >= {}, got {}", IntegerText(end_length), IntegerText(length));
  Require(leeway >= 0, "expected leeway >= 0, got {}", IntegerText(leeway));
  if (static_cast<Int>(CountCodePoints(text)) <= length + leeway) return runtime.StringLike(input, text);
  std::string kept = text.substr(0, ByteOffset(text, static_cast<size_t>(length - end_length)));
  if (!parameters.Flag(runtime, 1, false))
    if (const size_t space = kept.rfind(' '); space != std::string::npos) kept.resize(space);
  return runtime.StringLike(input, kept + end);
}

constexpr NamedFunction kFilters[] = {{"indent", Indent}, {"center", Center}, {"truncate", Truncate}};

}  // namespace

std::optional<NativeFunction> FindLayoutFilter(std::string_view name) {
  for (const NamedFunction& entry : kFilters)
    if (entry.name == name) return entry.function;
  return std::nullopt;
}

}  // namespace tessera::text::jinja
