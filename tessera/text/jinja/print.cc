#include "tessera/text/jinja/print.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "tessera/core/error.h"
#include "tessera/text/jinja/unicode.h"

namespace tessera::text::jinja {
namespace {

void AppendQuoted(TextBuilder& out, std::string_view text) {
  const bool single = text.find('\'') == std::string_view::npos || text.find('"') != std::string_view::npos;
  const char quote = single ? '\'' : '"';
  out.Append(1, quote);
  for (size_t position = 0; position < text.size();) {
    const size_t begin = position;
    const char32_t c = NextCodePoint(text, position);
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      out.Append(1, '\\');
      out.Append(1, static_cast<char>(c));
    } else if (c == '\n') {
      out.Append("\\n");
    } else if (c == '\t') {
      out.Append("\\t");
    } else if (c == '\r') {
      out.Append("\\r");
    } else if (IsPrintable(c)) {
      out.Append(text.substr(begin, position - begin));
    } else if (c < 0x100) {
      out.Append(fmt::format("\\x{:02x}", static_cast<unsigned>(c)));
    } else if (c < 0x10000) {
      out.Append(fmt::format("\\u{:04x}", static_cast<unsigned>(c)));
    } else {
      out.Append(fmt::format("\\U{:08x}", static_cast<unsigned>(c)));
    }
  }
  out.Append(1, quote);
}

void AppendRepr(Runtime& runtime, TextBuilder& out, const Value& value);

void AppendItems(Runtime& runtime, TextBuilder& out, const ListBody& list) {
  out.Append(list.tuple ? "(" : "[");
  for (size_t i = 0; i < list.items.size(); ++i) {
    if (i > 0) out.Append(", ");
    AppendRepr(runtime, out, list.items[i]);
  }
  out.Append(list.tuple ? (list.items.size() == 1 ? ",)" : ")") : "]");
}

void AppendEntries(Runtime& runtime, TextBuilder& out, const DictBody& dict) {
  out.Append("{");
  bool first = true;
  for (const auto& [key, item] : dict.entries) {
    if (!first) out.Append(", ");
    first = false;
    AppendRepr(runtime, out, key);
    out.Append(": ");
    AppendRepr(runtime, out, item);
  }
  out.Append("}");
}

void AppendRepr(Runtime& runtime, TextBuilder& out, const Value& value) {
  runtime.budget().Step();
  if (value.is_string()) {
    if (value.is_markup()) out.Append("Markup(");
    AppendQuoted(out, value.text());
    if (value.is_markup()) out.Append(")");
  } else if (value.list() != nullptr) {
    AppendItems(runtime, out, *value.list());
  } else if (value.dict() != nullptr) {
    AppendEntries(runtime, out, *value.dict());
  } else if (value.is_undefined()) {
    out.Append("Undefined");
  } else if (value.object() != nullptr) {
    const DepthGuard guard(runtime);
    out.Append(value.object()->Repr(runtime));
  } else {
    out.Append(Str(runtime, value));
  }
}

}  // namespace

std::string IntegerText(Int value) { return fmt::format("{}", value); }

std::string FloatText(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  const std::string_view scientific(buffer, static_cast<size_t>(end - buffer));
  const size_t mark = scientific.find('e');
  int exponent = 0;
  const size_t sign = scientific[mark + 1] == '+' ? mark + 2 : mark + 1;
  std::from_chars(buffer + sign, end, exponent);
  if (exponent < -4 || exponent >= 16) return std::string(scientific);  // "1e+16", "1.5e-05": as Python prints them
  const auto fixed_end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed).ptr;
  std::string fixed(buffer, fixed_end);
  if (fixed.find('.') == std::string::npos) fixed += ".0";
  return fixed;
}

std::string QuoteText(Runtime& runtime, std::string_view text) {
  TextBuilder out(runtime.budget());
  AppendQuoted(out, text);
  return out.Finish();
}

std::string Repr(Runtime& runtime, const Value& value) {
  TextBuilder out(runtime.budget());
  AppendRepr(runtime, out, value);
  return out.Finish();
}

std::string Str(Runtime& runtime, const Value& value) {
  if (value.is_string()) {
    runtime.budget().Expect(value.text().size());
    return std::string(value.text());
  }
  if (value.is_none()) return "None";
  if (value.is_bool()) return value.boolean() ? "True" : "False";
  if (value.is_integer()) return IntegerText(value.integer());
  if (value.is_float()) return FloatText(value.floating());
  if (value.is_undefined()) return "";
  return Repr(runtime, value);
}

std::string_view TextOf(Runtime& runtime, const Value& value, std::string& storage) {
  if (value.is_string()) return value.text();
  storage = Str(runtime, value);
  return storage;
}

}  // namespace tessera::text::jinja
