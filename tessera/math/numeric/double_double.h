#pragma once
// Numbers of about 106 bits as unevaluated sums high + low, |low| <= ulp(high)/2 (Dekker 1971; Joldes, Muller and
// Popescu 2017, whose bounds the comments give). Needs an IEEE double and no contraction by the compiler; fused
// multiply-add is asked for where it is wanted.

#include <cmath>

namespace tessera::math::numeric {

struct DoubleDouble {
  double high = 0, low = 0;
};

// a + b exactly, if |a| >= |b|
inline DoubleDouble FastTwoSum(double a, double b) {
  const double sum = a + b;
  return {sum, b - (sum - a)};
}

// a + b exactly
inline DoubleDouble TwoSum(double a, double b) {
  const double sum = a + b, a_part = sum - b, b_part = sum - a_part;
  return {sum, (a - a_part) + (b - b_part)};
}

// Halves of 26 bits (Veltkamp): a · b exactly without a fused multiply-add, which not every machine has.
inline DoubleDouble Split(double a) {
  const double c = 0x1.0000002p27 * a, high = c - (c - a);
  return {high, a - high};
}

// a · b exactly, barring overflow
inline DoubleDouble TwoProduct(double a, double b) {
  const double product = a * b;
  const DoubleDouble x = Split(a), y = Split(b);
  return {product, ((x.high * y.high - product) + x.high * y.low + x.low * y.high) + x.low * y.low};
}

// Relative error at most 2^-104.
inline DoubleDouble Multiply(DoubleDouble a, double b) {
  const DoubleDouble product = TwoProduct(a.high, b);
  return FastTwoSum(product.high, product.low + a.low * b);
}

inline DoubleDouble Multiply(DoubleDouble a, DoubleDouble b) {
  const DoubleDouble product = TwoProduct(a.high, b.high);
  return FastTwoSum(product.high, product.low + (a.high * b.low + a.low * b.high));
}

// Relative error at most 2^-104.
inline DoubleDouble Divide(DoubleDouble a, double b) {
  const double quotient = a.high / b;
  const DoubleDouble product = TwoProduct(quotient, b);
  const double rest = ((a.high - product.high) - product.low) + a.low;
  return FastTwoSum(quotient, rest / b);
}

inline DoubleDouble Add(DoubleDouble a, double b) {
  const DoubleDouble sum = TwoSum(a.high, b);
  return FastTwoSum(sum.high, sum.low + a.low);
}

inline DoubleDouble Add(DoubleDouble a, DoubleDouble b) {
  const DoubleDouble sum = TwoSum(a.high, b.high), rest = TwoSum(a.low, b.low);
  const DoubleDouble first = FastTwoSum(sum.high, sum.low + rest.high);
  return FastTwoSum(first.high, first.low + rest.low);
}

}  // namespace tessera::math::numeric
