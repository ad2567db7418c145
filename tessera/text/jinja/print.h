#pragma once
// Values as text: Python's str() and repr().

#include <string>
#include <string_view>

#include "tessera/text/jinja/runtime.h"

namespace tessera::text::jinja {

std::string Str(Runtime& runtime, const Value& value);   // "" for undefined values
std::string Repr(Runtime& runtime, const Value& value);  // strings in quotes

std::string IntegerText(Int value);
std::string FloatText(double value);  // the shortest digits that read back to it, as 1.0, 1e+16, nan
std::string QuoteText(Runtime& runtime, std::string_view text);

// The text of a string without a copy, or Str(value) kept in `storage`.
std::string_view TextOf(Runtime& runtime, const Value& value, std::string& storage);

}  // namespace tessera::text::jinja
