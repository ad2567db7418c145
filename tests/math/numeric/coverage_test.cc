#include "tessera/math/numeric/coverage.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <numeric>
#include <vector>

#include "tessera/core/error.h"
#include "tessera/core/random.h"

namespace tessera::math::numeric {
namespace {

TEST(Coverage, OneDrawTouchesWhatItTakesAndManyTouchAll) {
  EXPECT_DOUBLE_EQ(ExpectedDistinct(64, 6, 0), 0);
  EXPECT_DOUBLE_EQ(ExpectedDistinct(64, 6, 1), 6);
  EXPECT_DOUBLE_EQ(ExpectedDistinct(64, 6, 2), 64 * (1 - (58.0 / 64) * (58.0 / 64)));
  EXPECT_NEAR(ExpectedDistinct(64, 6, 512), 64, 1e-12);
  EXPECT_DOUBLE_EQ(ExpectedDistinct(8, 8, 3), 8);
  EXPECT_DOUBLE_EQ(ExpectedDistinct(8, 0, 3), 0);
}

// Every set of two of five, three times: all 1,000 outcomes.
TEST(Coverage, DistinctAgreesWithEnumeration) {
  std::vector<unsigned> pairs;
  for (unsigned set = 0; set < 32; ++set)
    if (std::popcount(set) == 2) pairs.push_back(set);
  double sum = 0;
  for (const unsigned a : pairs)
    for (const unsigned b : pairs)
      for (const unsigned c : pairs) sum += std::popcount(a | b | c);
  EXPECT_NEAR(ExpectedDistinct(5, 2, 3), sum / 1000, 1e-14);
}

TEST(Coverage, CollectingAllTakesHarmonicNumbers) {
  EXPECT_NEAR(ExpectedDrawsForAll(3, 1), 3 * (1 + 1.0 / 2 + 1.0 / 3), 1e-14);
  EXPECT_NEAR(ExpectedDrawsForAll(64, 1), 303.609, 1e-3);
  EXPECT_DOUBLE_EQ(ExpectedDrawsForAll(7, 7), 1);
  // Two of three: after the first draw each finds the missing one with chance 2/3.
  EXPECT_NEAR(ExpectedDrawsForAll(3, 2), 1 + 1.5, 1e-14);
}

// By inclusion and exclusion: Σ_j (-1)^(j+1) C(E, j)/(1 - C(E - j, K)/C(E, K)).
TEST(Coverage, CollectingAllAgreesWithInclusionAndExclusion) {
  const auto choose = [](double n, double k) {
    double value = 1;
    for (double i = 0; i < k; ++i) value *= std::max(0.0, n - i) / (i + 1);
    return value;
  };
  for (const int64_t taken : {2, 3, 5}) {
    constexpr int kThings = 12;
    const auto k = static_cast<double>(taken);
    double sum = 0;
    for (int j = 1; j <= kThings; ++j)
      sum += (j % 2 == 1 ? 1 : -1) * choose(kThings, j) / (1 - choose(kThings - j, k) / choose(kThings, k));
    EXPECT_NEAR(ExpectedDrawsForAll(kThings, taken), sum, 1e-10) << taken;
  }
}

// 4,000 routers without a preference, six of 64.
TEST(Coverage, RoutersThatDrawAtRandomNeedThatMany) {
  Random random(3);
  constexpr int kRounds = 4000;
  double sum = 0, squares = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<int> order(64);
    std::iota(order.begin(), order.end(), 0);
    std::vector<bool> seen(64);
    int draws = 0, missing = 64;
    for (; missing > 0; ++draws)
      for (size_t i = 0; i < 6; ++i) {
        std::swap(order[i], order[i + static_cast<size_t>(random.Below(64 - i))]);
        const auto expert = static_cast<size_t>(order[i]);
        missing -= seen[expert] ? 0 : 1;
        seen[expert] = true;
      }
    sum += draws;
    squares += draws * draws;
  }
  const double mean = sum / kRounds, deviation = std::sqrt((squares / kRounds - mean * mean) / kRounds);
  EXPECT_NEAR(mean, ExpectedDrawsForAll(64, 6), 4 * deviation);
}

TEST(Coverage, LargeOnesNeitherOverflowNorDivideByZero) {
  EXPECT_NEAR(ExpectedDrawsForAll(4096, 2048), std::log2(4096.0) + 1.3, 0.2);
  EXPECT_NEAR(ExpectedDrawsForAll(4096, 1), 4096 * (std::log(4096.0) + 0.5772156649 + 1 / 8192.0), 1e-3);
}

TEST(Coverage, ImpossibleDrawsAreErrors) {
  EXPECT_THROW(ExpectedDistinct(4, 5, 1), Error);
  EXPECT_THROW(ExpectedDistinct(0, 0, 1), Error);
  EXPECT_THROW(ExpectedDistinct(4, 2, -1), Error);
  EXPECT_THROW(ExpectedDrawsForAll(4, 0), Error);
  EXPECT_THROW(ExpectedDrawsForAll(100'000, 2), Error);
}

}  // namespace
}  // namespace tessera::math::numeric
