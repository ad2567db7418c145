#pragma once
// What a real number becomes in the formats that engines compute in: bits, exact value, rounding error, neighbours.

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "tessera/math/number/rational.h"

namespace tessera::math {

// A binary format of 1 + exponent_bits + fraction_bits bits (IEEE 754-2019; fp8: Micikevicius et al. 2022). Exponent
// field e and fraction f stand for (1 + f/2^F) 2^(e - bias), or for e = 0 for f/2^F · 2^(1 - bias).
struct FloatFormat {
  std::string_view name;
  int exponent_bits, fraction_bits;
  bool has_infinity = true;  // e4m3 has none: its highest exponent holds numbers, and one NaN

  int bias() const { return (1 << (exponent_bits - 1)) - 1; }
  int bits() const { return 1 + exponent_bits + fraction_bits; }
};

std::span<const FloatFormat> FloatFormats();                // fp64, fp32, fp16, bf16, fp8_e4m3, fp8_e5m2
const FloatFormat& FindFloatFormat(std::string_view name);  // throws MathError "syntax" that lists the names

struct FloatNumber {
  bool negative = false, infinite = false;
  uint64_t exponent = 0, fraction = 0;  // the fields
  Rational value;                       // exactly; of infinity nothing
};

// The nearest number of the format, ties to even. Beyond the largest: infinity, or the largest where there is none.
FloatNumber RoundToFormat(const Rational& value, const FloatFormat& format);
// The next number up or down; nothing beyond the largest.
std::optional<FloatNumber> Neighbour(const FloatNumber& number, const FloatFormat& format, int direction);
// "0 01011 1001100110": sign, exponent, fraction
std::string BitText(const FloatNumber& number, const FloatFormat& format);

Rational LargestOf(const FloatFormat& format);
Rational SmallestNormalOf(const FloatFormat& format);
Rational SmallestOf(const FloatFormat& format);  // subnormal

}  // namespace tessera::math
