#pragma once
// Arithmetic on sizes that come from outside: a result that does not fit is an Error, never a wrapped number.

#include <concepts>
#include <limits>
#include <string_view>

#include "tessera/core/error.h"

namespace tessera {

// a · b, or Error "what: a · b overflows".
template <std::integral T>
T CheckedMul(T a, T b, std::string_view what) {
  T result;
  Require(!__builtin_mul_overflow(a, b, &result), "{}: {} times {} overflows", what, a, b);
  return result;
}

// a + b, or Error "what: a + b overflows".
template <std::integral T>
T CheckedAdd(T a, T b, std::string_view what) {
  T result;
  Require(!__builtin_add_overflow(a, b, &result), "{}: {} plus {} overflows", what, a, b);
  return result;
}

// `value` as a To, or Error if To cannot hold it.
template <std::integral To, std::integral From>
To CheckedCast(From value, std::string_view what) {
  Require(std::in_range<To>(value), "{}: {} is out of range", what, value);
  return static_cast<To>(value);
}

}  // namespace tessera
