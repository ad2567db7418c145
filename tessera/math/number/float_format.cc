#include "tessera/math/number/float_format.h"

#include <array>
#include <bitset>

#include "tessera/math/errors.h"

namespace tessera::math {
namespace {

constexpr std::array<FloatFormat, 6> kFormats = {{
    {"fp64", 11, 52},
    {"fp32", 8, 23},
    {"fp16", 5, 10},
    {"bf16", 8, 7},
    {"fp8_e4m3", 4, 3, false},
    {"fp8_e5m2", 5, 2},
}};

Rational TwoTo(int64_t exponent) { return Power(Rational(2), exponent); }

// Magnitudes are numbered upwards from 0 by their fields: exponent, fraction.
uint64_t IndexOf(const FloatNumber& x, const FloatFormat& f) { return x.exponent << f.fraction_bits | x.fraction; }

uint64_t LargestIndex(const FloatFormat& f) {
  const uint64_t all = (uint64_t{1} << f.exponent_bits) - 1, fractions = uint64_t{1} << f.fraction_bits;
  return f.has_infinity ? all * fractions - 1 : all * fractions + fractions - 2;
}

FloatNumber FromIndex(uint64_t index, bool negative, const FloatFormat& f) {
  FloatNumber x{.negative = negative,
                .exponent = index >> f.fraction_bits,
                .fraction = index & ((uint64_t{1} << f.fraction_bits) - 1)};
  const Rational part = Rational(static_cast<int64_t>(x.fraction)) * TwoTo(-f.fraction_bits);
  const Rational size = x.exponent == 0 ? part * TwoTo(1 - f.bias())
                                        : (Rational(1) + part) * TwoTo(static_cast<int64_t>(x.exponent) - f.bias());
  x.value = negative ? -size : size;
  return x;
}

}  // namespace

std::span<const FloatFormat> FloatFormats() { return kFormats; }

const FloatFormat& FindFloatFormat(std::string_view name) {
  for (const FloatFormat& format : kFormats)
    if (format.name == name) return format;
  FailInput("syntax", "\"{}\" is no format; there are fp64, fp32, fp16, bf16, fp8_e4m3 and fp8_e5m2",
            name.substr(0, 40));
}

FloatNumber RoundToFormat(const Rational& value, const FloatFormat& f) {
  const Rational size = Abs(value);
  const bool negative = value.sign() < 0;
  if (size.is_zero()) return FromIndex(0, false, f);
  // The exponent of the binade, then a whole number of its steps.
  int64_t exponent = size.numerator().bits() - size.denominator().bits();
  if (size < TwoTo(exponent)) --exponent;
  exponent = std::max<int64_t>(exponent, 1 - f.bias());
  if (exponent > f.bias() + 1) exponent = f.bias() + 2;
  const Rational steps = size * TwoTo(f.fraction_bits - exponent), half(1, 2);
  Integer floor;
  fmpz_fdiv_q(floor.raw(), fmpq_numref(steps.raw()), fmpq_denref(steps.raw()));
  const Rational rest = steps - Rational(floor);
  if (rest > half || (rest == half && !floor.is_even())) floor = floor + Integer(1);
  const uint64_t largest = LargestIndex(f);
  // Steps of the binade count on from the index of its first number.
  const Integer first = Integer((exponent + f.bias() - 1)) * Power(Integer(2), static_cast<uint64_t>(f.fraction_bits));
  const Integer index = first + floor;
  if (index <= Integer(static_cast<int64_t>(largest)))
    return FromIndex(static_cast<uint64_t>(index.ToInt64()), negative, f);
  FloatNumber x = FromIndex(largest, negative, f);
  if (!f.has_infinity) return x;
  return {.negative = negative, .infinite = true, .exponent = (uint64_t{1} << f.exponent_bits) - 1};
}

std::optional<FloatNumber> Neighbour(const FloatNumber& x, const FloatFormat& f, int direction) {
  if (x.infinite) return std::nullopt;
  const uint64_t index = IndexOf(x, f);
  if (index == 0) return FromIndex(1, direction < 0, f);
  const bool outwards = (direction > 0) != x.negative;
  if (outwards && index == LargestIndex(f)) return std::nullopt;
  return FromIndex(outwards ? index + 1 : index - 1, x.negative && !(index == 1 && !outwards), f);
}

std::string BitText(const FloatNumber& x, const FloatFormat& f) {
  const auto bits = [](uint64_t value, int count) {
    return std::bitset<64>(value).to_string().substr(static_cast<size_t>(64 - count));
  };
  return fmt::format("{} {} {}", x.negative ? 1 : 0, bits(x.exponent, f.exponent_bits),
                     bits(x.fraction, f.fraction_bits));
}

Rational LargestOf(const FloatFormat& f) { return FromIndex(LargestIndex(f), false, f).value; }
Rational SmallestNormalOf(const FloatFormat& f) { return TwoTo(1 - f.bias()); }
Rational SmallestOf(const FloatFormat& f) { return FromIndex(1, false, f).value; }

}  // namespace tessera::math
