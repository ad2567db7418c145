#include "tessera/infer/zipf.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tessera/core/error.h"

namespace tessera::infer {
namespace {

TEST(Zipf, ProbabilitiesAddToOne) {
  for (const int64_t n : {1, 2, 1000, 150000}) {
    const Zipf law(n);
    double sum = 0;
    for (int64_t id = n - 1; id >= 0; --id) sum += law.Probability(id);
    EXPECT_NEAR(sum, 1, 1e-13) << n;
  }
}

TEST(Zipf, DrawsEachIdAsOftenAsTheLawSays) {
  for (const double exponent : {1.0, 0.0, 0.7, 1.5}) {
    const Zipf law(50, exponent);
    Random random(1);
    std::vector<int> count(50);
    constexpr int kDraws = 200000;
    for (const int32_t id : law.Draw(random, kDraws)) ++count.at(static_cast<size_t>(id));
    for (int64_t id = 0; id < 50; ++id) {
      const double expected = kDraws * law.Probability(id);
      EXPECT_NEAR(count[static_cast<size_t>(id)], expected, 5 * std::sqrt(expected)) << id << " " << exponent;
    }
  }
}

// Ids of a vocabulary by powers of two: the chance of [2^j - 1, 2^(j+1) - 1) is a difference of harmonic numbers.
TEST(Zipf, DrawsOfALargeVocabularyPassAChiSquareTest) {
  constexpr int64_t kIds = 151936;
  constexpr int kDraws = 100000;
  const Zipf law(kIds);
  Random random(7);
  std::vector<double> count(18), expected(18);
  for (const int32_t id : law.Draw(random, kDraws)) ++count.at(static_cast<size_t>(std::log2(id + 1)));
  for (int64_t id = 0; id < kIds; ++id)
    expected.at(static_cast<size_t>(std::log2(static_cast<double>(id + 1)))) += kDraws * law.Probability(id);
  double chi_square = 0;
  for (size_t i = 0; i < count.size(); ++i)
    chi_square += (count[i] - expected[i]) * (count[i] - expected[i]) / expected[i];
  EXPECT_LT(chi_square, 40.8);  // 17 degrees of freedom, 0.1 %
}

TEST(Zipf, OfOneIdGivesThatId) {
  Random random(1);
  EXPECT_EQ(Zipf(1).Draw(random, 3), (std::vector<int32_t>{0, 0, 0}));
}

TEST(Zipf, OfNothingIsAnError) {
  EXPECT_THROW(Zipf(0), Error);
  EXPECT_THROW(Zipf(5, -1), Error);
}

}  // namespace
}  // namespace tessera::infer
