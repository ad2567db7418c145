#include "tessera/math/number/float_format.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "tessera/core/random.h"
#include "tessera/math/errors.h"

namespace tessera::math {
namespace {

TEST(FloatFormat, AgreesWithTheMachinesFloatsAndDoubles) {
  Random random(3);
  const FloatFormat& single = FindFloatFormat("fp32");
  for (int i = 0; i < 2000; ++i) {
    const double value = std::ldexp(random.Normal(), static_cast<int>(random.Below(290)) - 150);
    const FloatNumber x = RoundToFormat(FromDouble(value), single);
    const auto expected = static_cast<float>(value);
    ASSERT_EQ(x.infinite, std::isinf(expected));
    if (!x.infinite) {
      ASSERT_EQ(x.value, FromDouble(expected)) << value;
    }
    const uint32_t bits =
        static_cast<uint32_t>(x.negative) << 31 | static_cast<uint32_t>(x.exponent << 23 | x.fraction);
    if (expected != 0) {
      ASSERT_EQ(bits, std::bit_cast<uint32_t>(expected));
    }
  }
  EXPECT_EQ(RoundToFormat(Rational(1, 10), FindFloatFormat("fp64")).value, FromDouble(0.1));
}

TEST(FloatFormat, KnownBitsAndRanges) {
  const FloatFormat& half = FindFloatFormat("fp16");
  EXPECT_EQ(BitText(RoundToFormat(Rational(1, 10), half), half), "0 01011 1001100110");
  EXPECT_EQ(LargestOf(half), Rational(65504));
  EXPECT_TRUE(RoundToFormat(Rational(65520), half).infinite);
  EXPECT_EQ(RoundToFormat(Rational(65519), half).value, Rational(65504));
  EXPECT_EQ(LargestOf(FindFloatFormat("fp8_e4m3")), Rational(448));
  EXPECT_EQ(LargestOf(FindFloatFormat("fp8_e5m2")), Rational(57344));
  EXPECT_EQ(RoundToFormat(Rational(100000), FindFloatFormat("fp8_e4m3")).value, Rational(448));
  EXPECT_EQ(SmallestOf(half), Power(Rational(2), -24));
}

TEST(FloatFormat, NeighboursAreOneStepApart) {
  const FloatFormat& f = FindFloatFormat("fp8_e4m3");
  FloatNumber x = RoundToFormat(Rational(-448), f);
  EXPECT_FALSE(Neighbour(x, f, -1));
  int count = 1;
  for (auto next = Neighbour(x, f, +1); next; next = Neighbour(*next, f, +1)) {
    EXPECT_GT(next->value, x.value);
    x = *next;
    ++count;
  }
  EXPECT_EQ(x.value, Rational(448));
  EXPECT_EQ(count, 253) << "2 · 127 numbers, of which both zeros are one";
}

TEST(FloatFormat, AnUnknownNameIsRefused) { EXPECT_THROW(FindFloatFormat("fp12"), MathError); }

}  // namespace
}  // namespace tessera::math
