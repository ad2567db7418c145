// tojson.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tessera/core/error.h"
#include "tessera/text/jinja/compare.h"
#include "tessera/text/jinja/filters.h"
#include "tessera/text/jinja/print.h"
#include "tessera/text/jinja/unicode.h"

namespace tessera::text::jinja {
namespace {

class JsonWriter {
 public:
  JsonWriter(Runtime& runtime, const JsonStyle& style) : runtime_(runtime), style_(style), out_(runtime.budget()) {}

  std::string Write(const Value& value) {
    Append(value, 0);
    return out_.Finish();
  }

 private:
  void Append(const Value& value, int level);
  void AppendText(std::string_view text);
  void AppendList(const Values& items, int level);
  void AppendDict(const DictBody& dict, int level);
  void AppendEscape(char32_t c);
  std::string KeyText(const Value& key);
  void BreakLine(int level) {
    if (!style_.indent) return;
    out_.Append("\n");
    for (int i = 0; i < level; ++i) out_.Append(*style_.indent);
  }

  Runtime& runtime_;
  const JsonStyle& style_;
  TextBuilder out_;
};

std::string NumberText(const Value& value) {
  const double number = value.floating();
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
  return FloatText(number);
}

void JsonWriter::AppendEscape(char32_t c) {
  if (c < 0x10000) return out_.Append(fmt::format("\\u{:04x}", static_cast<unsigned>(c)));
  const unsigned rest = static_cast<unsigned>(c) - 0x10000;
  out_.Append(fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3FF)));
}

void JsonWriter::AppendText(std::string_view text) {
  out_.Append("\"");
  for (size_t position = 0; position < text.size();) {
    const size_t begin = position;
    const char32_t c = NextCodePoint(text, position);
    switch (c) {
      case '"':
        out_.Append("\\\"");
        break;
      case '\\':
        out_.Append("\\\\");
        break;
      case '\n':
        out_.Append("\\n");
        break;
      case '\r':
        out_.Append("\\r");
        break;
      case '\t':
        out_.Append("\\t");
        break;
      case '\f':
        out_.Append("\\f");
        break;
      case '\b':
        out_.Append("\\b");
        break;
      default:
        if (c < 0x20 || (style_.ascii && c > 0x7E))
          AppendEscape(c);
        else
          out_.Append(text.substr(begin, position - begin));
    }
  }
  out_.Append("\"");
}

void JsonWriter::AppendList(const Values& items, int level) {
  if (items.empty()) return out_.Append("[]");
  out_.Append("[");
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out_.Append(style_.item_separator);
    BreakLine(level + 1);
    Append(items[i], level + 1);
  }
  BreakLine(level);
  out_.Append("]");
}

std::string JsonWriter::KeyText(const Value& key) {
  if (key.is_string()) return std::string(key.text());
  if (key.is_none()) return "null";
  if (key.is_bool()) return key.boolean() ? "true" : "false";
  if (key.is_integer()) return IntegerText(key.integer());
  Require(key.is_float(), "keys must be str, int, float, bool or None, not {}", key.type_name());
  return NumberText(key);
}

void JsonWriter::AppendDict(const DictBody& dict, int level) {
  if (dict.entries.empty()) return out_.Append("{}");
  auto entries = dict.entries;
  if (style_.sort_keys)
    std::stable_sort(entries.begin(), entries.end(),
                     [&](const auto& a, const auto& b) { return Less(runtime_, a.first, b.first); });
  out_.Append("{");
  bool first = true;
  for (const auto& [key, value] : entries) {
    if (!first) out_.Append(style_.item_separator);
    first = false;
    BreakLine(level + 1);
    AppendText(KeyText(key));
    out_.Append(style_.key_separator);
    Append(value, level + 1);
  }
  BreakLine(level);
  out_.Append("}");
}

void JsonWriter::Append(const Value& value, int level) {
  runtime_.budget().Step();
  if (value.is_none()) return out_.Append("null");
  if (value.is_bool()) return out_.Append(value.boolean() ? "true" : "false");
  if (value.is_integer()) return out_.Append(IntegerText(value.integer()));
  if (value.is_float()) return out_.Append(NumberText(value));
  if (value.is_string()) return AppendText(value.text());
  if (value.list() != nullptr) return AppendList(value.list()->items, level);
  if (value.dict() != nullptr) return AppendDict(*value.dict(), level);
  Fail("Object of type {} is not JSON serializable", value.type_name());
}

}  // namespace

std::string ToJson(Runtime& runtime, const Value& value, const JsonStyle& style) {
  return JsonWriter(runtime, style).Write(value);
}

}  // namespace tessera::text::jinja
