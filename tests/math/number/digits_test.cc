#include "tessera/math/number/digits.h"

#include <gtest/gtest.h>

#include "tessera/math/errors.h"

namespace tessera::math {
namespace {

TEST(Digits, RationalsRoundToTheNearestAndTiesToEven) {
  EXPECT_EQ(Digits(Rational(22, 5), 3), "4.40");
  EXPECT_EQ(Digits(Rational(1, 3), 5), "0.33333");
  EXPECT_EQ(Digits(Rational(2, 3), 5), "0.66667");
  EXPECT_EQ(Digits(Rational(-1, 8), 2), "-0.12");
  EXPECT_EQ(Digits(Rational(3, 8), 2), "0.38");
  EXPECT_EQ(Digits(Rational(9999, 10), 3), "1000");
  EXPECT_EQ(Digits(Rational(999, 1000), 2), "1.0");
  EXPECT_EQ(Digits(0, 5), "0");
  EXPECT_EQ(Digits(Power(Rational(10), -20), 3), "1.00e-20");
  EXPECT_EQ(Digits(Power(Rational(10), 30), 3), "1.00e+30");
}

TEST(Digits, BallsGiveDigitsOnlyIfAllAreCertain) {
  const auto root_two = [](int64_t precision) {
    Ball two(2);
    arb_sqrt(two.raw(), two.raw(), precision);
    return two;
  };
  EXPECT_EQ(CertifiedDigits(root_two, 30), "1.41421356237309504880168872421");
  EXPECT_FALSE(TryDigits(root_two(20), 30));
  const auto unknown_zero = [&](int64_t precision) {
    Ball square = root_two(precision);
    arb_mul(square.raw(), square.raw(), square.raw(), precision);
    arb_sub_ui(square.raw(), square.raw(), 2, precision);
    return square;
  };
  EXPECT_THROW(CertifiedDigits(unknown_zero, 10), MathError);
  EXPECT_THROW(CertifiedDigits(root_two, 1'000'000'000), MathError);
}

TEST(Integers, AreReadAsPeopleWriteThem) {
  EXPECT_EQ(ParseInteger("1e6", "n"), Integer(1'000'000));
  EXPECT_EQ(ParseInteger("10^(2^3)", "n"), Integer(100'000'000));
  EXPECT_EQ(ParseInteger("2^3^2", "n"), Integer(512));
  EXPECT_EQ(ParseInteger("-12", "n"), Integer(-12));
  for (const char* wrong : {"", "ten", "2.5", "1e", "10^", "(3", "3)", "--3", "1e-3", "0x10"})
    EXPECT_THROW(ParseInteger(wrong, "n"), MathError) << wrong;
  EXPECT_THROW(ParseInteger("10^(10^9)", "n"), MathError);
  EXPECT_THROW(ParseInteger("9^9^9^9", "n"), MathError);
}

TEST(Rationals, AreReadExactly) {
  EXPECT_EQ(ParseRational("0.1", "x"), Rational(1, 10));
  EXPECT_EQ(ParseRational("-3/5", "x"), Rational(-3, 5));
  EXPECT_EQ(ParseRational(" 1e-3 ", "x"), Rational(1, 1000));
  EXPECT_EQ(ParseRational(".5", "x"), Rational(1, 2));
  EXPECT_EQ(ParseRational("5.", "x"), Rational(5));
  for (const char* wrong : {"", ".", "1/0", "1/", "/2", "1e", "nan", "inf", "1e999999999999", "1 2"})
    EXPECT_THROW(ParseRational(wrong, "x"), MathError) << wrong;
}

TEST(Rationals, BecomeTheNearestDouble) {
  EXPECT_EQ(Rational(1, 10).ToDouble(), 0.1);
  EXPECT_EQ(FromDouble(0.1).ToDouble(), 0.1);
  EXPECT_EQ(FromDouble(0.5), Rational(1, 2));
}

TEST(Digits, HaveALimitThatIsNamed) {
  for (const int64_t wrong : {int64_t{-5}, int64_t{0}, int64_t{1'000'000'000}})
    EXPECT_THROW(Digits(Rational(1, 3), wrong), MathError) << wrong;
}

}  // namespace
}  // namespace tessera::math
