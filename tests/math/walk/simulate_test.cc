#include "tessera/math/walk/simulate.h"

#include <gtest/gtest.h>

#include "tessera/core/isa.h"
#include "tessera/core/thread_pool.h"
#include "tessera/math/errors.h"
#include "tessera/math/walk/check.h"

namespace tessera::math::walk {
namespace {

// A right program fails this with chance 1e-6 a check, and the seed is fixed: it passes once and for all.
void ExpectAgrees(const SimulateOptions& options) {
  for (const Check& check : CheckAgainstLaw(Simulate(options), options.dimensions))
    EXPECT_GT(check.p_value, 1e-6) << check.what << " " << check.statistic;
}

TEST(Simulate, AgreesWithTheExactLawOnTheLine) {
  for (const int64_t steps : {1, 2, 7, 16, 17, 100, 1001})
    ExpectAgrees({.walkers = 200'000, .steps = steps, .seed = 7});
}

TEST(Simulate, LongWalksCrossTheChunksOfSixteenBits) { ExpectAgrees({.walkers = 4000, .steps = 70'000, .seed = 3}); }

TEST(Simulate, ABiasedWalkHasTheBiasOfItsP) {
  ExpectAgrees({.walkers = 100'000, .steps = 40, .seed = 5, .p = Rational(3, 10)});
  const Simulated sure = Simulate({.walkers = 100, .steps = 33, .p = 1});
  EXPECT_EQ(sure.ups[33], 100);
  EXPECT_EQ(Simulate({.walkers = 100, .steps = 33, .p = 0}).ups[0], 100);
}

TEST(Simulate, AgreesWithTheExactLawInTheLattices) {
  for (int d = 2; d <= 4; ++d) ExpectAgrees({.dimensions = d, .walkers = 100'000, .steps = 200, .seed = 11});
}

TEST(Simulate, TheSameForAnyInstructionSetAndNumberOfThreads) {
  const SimulateOptions options{.walkers = 5000, .steps = 333, .seed = 9};
  const Simulated here = Simulate(options);
  const Isa live = LiveIsa();
  const int threads = ThreadCount();
  for (const Isa isa : SupportedIsas()) {
    ForceIsa(isa);
    SetThreadCount(isa == live ? 1 : 3);
    const Simulated there = Simulate(options);
    EXPECT_EQ(here.ups, there.ups);
    EXPECT_EQ(here.maximum, there.maximum);
    EXPECT_EQ(here.returns, there.returns);
  }
  ForceIsa(live);
  SetThreadCount(threads);
}

TEST(Simulate, OptionsOutOfRangeAreRefused) {
  EXPECT_THROW(Simulate({.dimensions = 0}), MathError);
  EXPECT_THROW(Simulate({.dimensions = 9}), MathError);
  EXPECT_THROW(Simulate({.walkers = 0}), MathError);
  EXPECT_THROW(Simulate({.steps = -1}), MathError);
}

}  // namespace
}  // namespace tessera::math::walk
