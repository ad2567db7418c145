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
  const Zipf law(50);
  Random random(1);
  std::vector<int> count(50);
  constexpr int kDraws = 200000;
  for (const int32_t id : law.Draw(random, kDraws)) ++count.at(static_cast<size_t>(id));
  for (int64_t id = 0; id < 50; ++id) {
    const double expected = kDraws * law.Probability(id);
    EXPECT_NEAR(count[static_cast<size_t>(id)], expected, 5 * std::sqrt(expected)) << id;
  }
}

TEST(Zipf, OfOneIdGivesThatId) {
  Random random(1);
  EXPECT_EQ(Zipf(1).Draw(random, 3), (std::vector<int32_t>{0, 0, 0}));
}

TEST(Zipf, OfNothingIsAnError) { EXPECT_THROW(Zipf(0), Error); }

}  // namespace
}  // namespace tessera::infer
