#include "tessera/math/numeric/harmonic_sum.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tessera/core/error.h"
#include "tessera/math/numeric/double_double.h"

namespace tessera::math::numeric {
namespace {

constexpr double kUnit = 0x1p-53;

// Term by term in pairs of doubles for whole exponents, whose powers are then nearly exact.
double PlainSum(int64_t n, int s) {
  DoubleDouble sum;
  for (int64_t k = n; k >= 1; --k) {
    DoubleDouble term{1, 0};
    for (int i = 0; i < s; ++i) term = Divide(term, static_cast<double>(k));
    sum = Add(sum, term);
  }
  return sum.high;
}

TEST(HarmonicSum, IsTheSumOfItsTerms) {
  for (const int s : {0, 1, 2, 5, 20})
    for (const int64_t n : {0, 1, 2, 15, 16, 17, 32, 33, 34, 100, 50257, 151936}) {
      const double plain = PlainSum(n, s);
      EXPECT_NEAR(HarmonicSum(n, s), plain, 6 * kUnit * plain) << n << " " << s;
    }
}

TEST(HarmonicSum, FractionalExponentsLieBetweenAndMeetAtOne) {
  // 1 + 1/sqrt 2 + … to 10^6 terms; 1998.54014549114874…
  EXPECT_NEAR(HarmonicSum(1'000'000, 0.5), 1998.5401454911487, 1e-12);
  const double at_one = HarmonicSum(151936, 1);
  for (const double delta : {1e-3, 1e-8, 1e-12, 0x1p-52}) {
    // d/ds H = -Σ ln k/k, near -(ln n)²/2
    EXPECT_NEAR(HarmonicSum(151936, 1 + delta), at_one - delta * 71.1, at_one * 1e-15 + delta * delta * 400 + delta)
        << delta;
    EXPECT_GT(HarmonicSum(151936, 1 - delta), HarmonicSum(151936, 1 + delta));
  }
}

TEST(HarmonicSum, LargeCountsAreNeverCounted) {
  EXPECT_NEAR(HarmonicSum(int64_t{1} << 50), 50 * std::log(2.0) + 0.57721566490153286, 1e-14);
  EXPECT_NEAR(HarmonicSum(int64_t{1} << 50, 2), 1.6449340668482264, 1e-15);  // π²/6
}

TEST(HarmonicSum, RanksOfALawAreFoundAgain) {
  for (const double s : {0.0, 0.5, 1.0, 1.1, 3.0})
    for (const int64_t n : {1, 5, 40, 1000, 151936})
      for (const int64_t k : {1, 2, 5, 16, 17, 18, 39, 999, 151936}) {
        if (k > n) continue;
        const double below = HarmonicSum(k - 1, s), above = HarmonicSum(k, s);
        if (below == above) continue;
        EXPECT_EQ(LeastAbove(below, n, s), k) << n << " " << s;
        EXPECT_EQ(LeastAbove(std::nextafter(above, 0.0), n, s), k) << n << " " << s;
      }
  EXPECT_EQ(LeastAbove(1e300, 1000), 1000);
  EXPECT_EQ(LeastAbove(5, 1000, 2), 1000);  // above π²/6
  EXPECT_EQ(LeastAbove(-1, 1000), 1);
}

TEST(HarmonicSum, WhatIsNoLawIsAnError) {
  EXPECT_THROW(HarmonicSum(-1), Error);
  EXPECT_THROW(HarmonicSum(5, -0.5), Error);
  EXPECT_THROW(HarmonicSum(5, NAN), Error);
  EXPECT_THROW(LeastAbove(1, 0), Error);
}

}  // namespace
}  // namespace tessera::math::numeric
