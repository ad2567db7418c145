#pragma once
// Python's arithmetic on numbers, and + * % on strings and lists.

#include "tessera/text/jinja/runtime.h"

namespace tessera::text::jinja {

enum class Operation { kAdd, kSubtract, kMultiply, kDivide, kFloorDivide, kModulo, kPower };

// Throws Error for operands that Python refuses, and for integers that leave 128 bits.
Value Calculate(Runtime& runtime, Operation operation, const Value& a, const Value& b);

Value Negate(const Value& value);
Value Plus(const Value& value);

// "50%" of the template's % operator on strings: printf-style formatting with a tuple, a dictionary or one value.
Value FormatPercent(Runtime& runtime, const Value& format, const Value& values);

// The text with & < > ' " as HTML entities.
std::string EscapeHtml(Runtime& runtime, std::string_view text);

}  // namespace tessera::text::jinja
