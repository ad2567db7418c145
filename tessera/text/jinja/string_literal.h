#pragma once
// Literals of the template language: the escapes of strings, and numbers.

#include <string>
#include <string_view>

#include "tessera/text/jinja/value.h"

namespace tessera::text::jinja {

// The content of a string literal with Python's escapes replaced; unknown escapes stay. Throws Error for broken ones.
std::string UnescapeString(std::string_view body);

struct NumberLiteral {
  Value value;
  size_t size;  // characters read; 0 if the integer is too large
};

// The number at the begin of `text`, which starts with a digit: 1_000, 0x1f, 0b1, 0o7, and with `may_be_float` 1.5e3.
NumberLiteral ReadNumber(std::string_view text, bool may_be_float);

// An integer as Python's int(text, base) reads it; throws Error if it is none.
Int ParseInteger(std::string_view text, int base);
double ParseFloat(std::string_view text);

}  // namespace tessera::text::jinja
