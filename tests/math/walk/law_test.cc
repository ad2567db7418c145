#include "tessera/math/walk/law.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tessera/math/errors.h"
#include "tessera/math/walk/line.h"

namespace tessera::math::walk {
namespace {

double UlpsApart(double value, const Rational& exact) {
  const double nearest = exact.ToDouble();
  const double ulp = std::nextafter(nearest, INFINITY) - nearest;
  return Abs(FromDouble(value) - exact).ToDouble() / ulp;
}

TEST(Law, EveryDoubleIsWithinOneUnitInTheLastPlace) {
  for (const char* p : {"1/2", "3/5", "1/1000", "999/1000"})
    for (const int64_t n : {0, 1, 2, 3, 10, 101, 1000, 1500}) {
      const Rational chance = ParseRational(p, "p");
      const std::vector<double> law = Law(n, chance);
      for (int64_t k = 0; k <= n; ++k)
        ASSERT_LT(UlpsApart(law[static_cast<size_t>(k)], PointProbability(n, 2 * k - n, chance)), 1.0)
            << p << " " << n << " " << k;
    }
}

TEST(Law, AMillionStepsAreWithinOneUnitAndSubnormalsAreNotLost) {
  constexpr int64_t n = 1'000'000;
  const std::vector<double> law = Law(n, kFairP);
  int64_t subnormal = 0;
  for (int64_t k = 0; k <= n; ++k)
    subnormal += law[static_cast<size_t>(k)] > 0 && law[static_cast<size_t>(k)] < 0x1p-1022;
  EXPECT_GT(subnormal, 0);
  for (int64_t k : {n / 2, n / 2 + 1, n / 2 - 500, n / 2 + 12345, n / 2 - 18000}) {
    const Ball exact = PointProbability(n, 2 * k - n, kFairP, 200);
    Rational middle;
    arf_get_fmpq(middle.raw(), arb_midref(exact.raw()));
    EXPECT_LT(UlpsApart(law[static_cast<size_t>(k)], middle), 1.0) << k;
  }
}

TEST(Law, ExactWeightsOfABiasedWalkSumToTheDenominator) {
  const ExactLaw law(300, Rational(3, 7));
  Integer sum;
  for (int64_t k = 0; k <= 300; ++k) sum = sum + law.weight(k);
  EXPECT_EQ(sum, law.denominator());
}

TEST(Law, WhatDoesNotFitIsRefusedBeforeTheWork) {
  EXPECT_THROW(ExactLaw(1'000'000, kFairP), MathError);
  EXPECT_THROW(Law(int64_t{1} << 40, kFairP), MathError);
  EXPECT_THROW(PointProbability(int64_t{1} << 40, 0), MathError);
  EXPECT_THROW(PointProbability(-1, 0), MathError);
}

}  // namespace
}  // namespace tessera::math::walk
