#pragma once
// Decimal digits of which every one is right.

#include <functional>
#include <optional>
#include <string>

#include "tessera/math/number/ball.h"

namespace tessera::math {

inline constexpr int64_t kMaxDigits = 1'000'000;

// `value` rounded to `digits` significant digits, ties to even. "0" for zero; small and large values get an exponent:
// "0.0625", "1.25e-7". A value that needs fewer digits keeps its zeros: "4.4000". Throws "domain" for digits outside
// 1 … kMaxDigits.
std::string Digits(const Rational& value, int64_t digits);

// The same for a ball, or nothing if its radius leaves a digit open.
std::optional<std::string> TryDigits(const Ball& value, int64_t digits);

// The digits of the number that `enclose(precision in bits)` encloses: the precision is raised until every digit is
// certain. An enclosure that still holds zero at `max_precision` is of a number that may be zero: throws MathError,
// undecided. Throws "domain" for digits outside 1 … kMaxDigits.
std::string CertifiedDigits(const std::function<Ball(int64_t)>& enclose, int64_t digits);

// Bits that hold `digits` decimal digits, with some to spare.
int64_t BitsForDigits(int64_t digits);

}  // namespace tessera::math
