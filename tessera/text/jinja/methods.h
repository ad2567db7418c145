#pragma once
// Methods and attributes of strings, lists, dictionaries and numbers.

#include <optional>
#include <string_view>

#include "tessera/text/jinja/parameters.h"

namespace tessera::text::jinja {

// value.name as a bound method or value; nothing if Python has none of that name.
std::optional<Value> FindMethod(Runtime& runtime, const Value& value, std::string_view name);

// The pieces of one type, each in the file of its name.
std::optional<NativeFunction> FindStringMethod(std::string_view name);       // string_methods.cc
std::optional<NativeFunction> FindStringSplitMethod(std::string_view name);  // string_split_methods.cc
std::optional<NativeFunction> FindStringPredicate(std::string_view name);    // string_predicates.cc
std::optional<NativeFunction> FindContainerMethod(const Value& value, std::string_view name);

// str.format and its relatives, in brace_format.cc.
Value FormatBraces(Runtime& runtime, const Value& format, const Arguments& arguments);

template <size_t N>
std::optional<NativeFunction> FindIn(const NamedFunction (&table)[N], std::string_view name) {
  for (const NamedFunction& entry : table)
    if (entry.name == name) return entry.function;
  return std::nullopt;
}

}  // namespace tessera::text::jinja
