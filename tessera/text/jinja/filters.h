#pragma once
// Filters (value | name(…)) and tests (value is name(…)) by name.

#include <optional>
#include <string_view>

#include "tessera/text/jinja/parameters.h"

namespace tessera::text::jinja {

// Throw Error "No filter named 'x'." or "No test named 'x'.".
Value CallFilter(Runtime& runtime, std::string_view name, const Value& input, const Arguments& arguments);
bool CallTest(Runtime& runtime, std::string_view name, const Value& input, const Arguments& arguments);

bool IsFilterName(std::string_view name);
bool IsTestName(std::string_view name);

// The pieces, each in the file of its name. A filter's `self` is its input.
std::optional<NativeFunction> FindTextFilter(std::string_view name);      // text_filters.cc
std::optional<NativeFunction> FindLayoutFilter(std::string_view name);    // layout_filters.cc
std::optional<NativeFunction> FindNumberFilter(std::string_view name);    // number_filters.cc
std::optional<NativeFunction> FindSequenceFilter(std::string_view name);  // sequence_filters.cc
std::optional<NativeFunction> FindSelectFilter(std::string_view name);    // select_filters.cc
std::optional<NativeFunction> FindOrderFilter(std::string_view name);     // order_filters.cc
std::optional<NativeFunction> FindMarkupFilter(std::string_view name);    // markup_filters.cc

// value.a.0.b for "a.0.b" or an integer, as map(attribute=…) and sort(attribute=…) look things up.
Value LookUpPath(Runtime& runtime, const Value& value, const Value& path);

// tojson: Python's json.dumps(ensure_ascii=False).
struct JsonStyle {
  std::optional<std::string> indent;  // none: everything on one line
  std::string item_separator = ", ", key_separator = ": ";
  bool sort_keys = false, ascii = false;
};
std::string ToJson(Runtime& runtime, const Value& value, const JsonStyle& style);

}  // namespace tessera::text::jinja
