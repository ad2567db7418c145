// Filters around HTML and URLs: safe, escape, striptags, urlencode.

#include <fmt/format.h>

#include "tessera/core/error.h"
#include "tessera/text/jinja/access.h"
#include "tessera/text/jinja/arithmetic.h"
#include "tessera/text/jinja/compare.h"
#include "tessera/text/jinja/filters.h"
#include "tessera/text/jinja/print.h"

namespace tessera::text::jinja {
namespace {

Value Safe(Runtime& runtime, const Value& input, const Arguments&) { return runtime.Markup(Str(runtime, input)); }

Value Escape(Runtime& runtime, const Value& input, const Arguments&) {
  return input.is_markup() ? input : runtime.Markup(EscapeHtml(runtime, Str(runtime, input)));
}

Value ForceEscape(Runtime& runtime, const Value& input, const Arguments&) {
  return runtime.Markup(EscapeHtml(runtime, Str(runtime, input)));
}

enum class UrlPart { kPath, kQuery };

void AppendQuoted(TextBuilder& out, std::string_view text, UrlPart part) {
  const bool in_query = part == UrlPart::kQuery;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                       c == '.' || c == '-' || c == '~' || (c == '/' && !in_query);
    if (plain)
      out.Append(1, c);
    else if (c == ' ' && in_query)
      out.Append("+");
    else
      out.Append(fmt::format("%{:02X}", static_cast<unsigned char>(c)));
  }
}

Value UrlEncode(Runtime& runtime, const Value& input, const Arguments&) {
  TextBuilder out(runtime.budget());
  if (input.is_string() || !IsIterable(runtime, input)) {
    AppendQuoted(out, Str(runtime, input), UrlPart::kPath);
    return runtime.String(out.Finish());
  }
  Values pairs;
  if (input.dict() != nullptr)
    for (const auto& [key, value] : input.dict()->entries) pairs.push_back(runtime.Tuple({key, value}));
  else
    pairs = Collect(runtime, input);
  for (const Value& item : pairs) {
    const Values pair = Collect(runtime, item);
    Require(pair.size() == 2, "urlencode needs pairs");
    if (out.size() > 0) out.Append("&");
    AppendQuoted(out, Str(runtime, pair[0]), UrlPart::kQuery);
    out.Append("=");
    AppendQuoted(out, Str(runtime, pair[1]), UrlPart::kQuery);
  }
  return runtime.String(out.Finish());
}

constexpr NamedFunction kFilters[] = {
    {"safe", Safe}, {"escape", Escape}, {"e", Escape}, {"forceescape", ForceEscape}, {"urlencode", UrlEncode}};

}  // namespace

std::optional<NativeFunction> FindMarkupFilter(std::string_view name) {
  for (const NamedFunction& entry : kFilters)
    if (entry.name == name) return entry.function;
  return std::nullopt;
}

}  // namespace tessera::text::jinja
