// Errors of stochastic rounding are a drunkard's walk: tested against its exact law.

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tessera/kernels/stochastic_rounding.h"
#include "tessera/math/walk/check.h"
#include "tessera/math/walk/law.h"

namespace tessera::math::walk {
namespace {

Tensor Filled(int64_t n, float value) {
  Tensor x = Tensor::Empty({n});
  for (float& v : x.mutable_data<float>()) v = value;
  return x;
}

// A number with the part `p` of the last place of bf16 above 1 is rounded n times: the sum of the results exceeds n
// times the lower neighbour by K units, and 2K - n is the place of a walk with that p.
double ChiSquareTailOfSums(double p, const Rational& exact, uint64_t seed) {
  constexpr int64_t kWalkers = 20'000, kSteps = 64;
  constexpr float kUnit = 0x1p-7f;
  const Tensor x = Filled(kWalkers * kSteps, 1 + static_cast<float>(p) * kUnit);
  const Tensor rounded = kernels::RoundStochastically(x, {.seed = seed});
  const auto values = rounded.data<BFloat16>();
  std::vector<double> count(kSteps + 1);
  for (size_t w = 0; w < kWalkers; ++w) {
    size_t up = 0;
    for (size_t s = 0; s < kSteps; ++s) up += static_cast<float>(values[w * kSteps + s]) > 1 ? 1 : 0;
    ++count[up];
  }
  const std::vector<double> law = Law(kSteps, exact);
  double chi_square = 0, seen = 0, expected = 0;
  int64_t bins = 0;
  const auto close = [&] {
    chi_square += (seen - expected) * (seen - expected) / expected;
    seen = expected = 0;
    ++bins;
  };
  double left = kWalkers;
  for (size_t k = 0; k <= kSteps; ++k) {  // bins joined until each expects ten, and so many stay for the last
    seen += count[k];
    expected += kWalkers * law[k];
    left -= kWalkers * law[k];
    if (expected >= 10 && left >= 10) close();
  }
  close();
  return ChiSquareTail(chi_square, bins - 1);
}

TEST(StochasticRounding, SumsOfErrorsFollowTheWalksLaw) {
  EXPECT_GT(ChiSquareTailOfSums(0.5, Rational(1, 2), 1), 1e-4);
  EXPECT_GT(ChiSquareTailOfSums(0.25, Rational(1, 4), 2), 1e-4);
  EXPECT_GT(ChiSquareTailOfSums(0.875, Rational(7, 8), 3), 1e-4);
}

// The test has teeth: with another chance it fails.
TEST(StochasticRounding, ASmallBiasIsNoticed) { EXPECT_LT(ChiSquareTailOfSums(0.5, Rational(51, 100), 1), 1e-10); }

// A weight near 1 in bf16 (whose last place is 1/128) gets n updates of 1/1024, in a thousand copies. To nearest, none
// of them ever moves: wrong by n/1024. By chance the mean is right, and the spread is that of the walk, sqrt(n p q)/128
// with p = 1/8, until the weight reaches 2.
TEST(StochasticRounding, ManySmallUpdatesAreWrongByTheirSquareRootAndNotByTheirNumber) {
  constexpr int64_t kWeights = 1000, kUpdates = 400;
  constexpr float kUpdate = 1.0f / 1024;
  Tensor weights = Filled(kWeights, 1);
  float nearest = 1;
  for (uint64_t step = 0; step < kUpdates; ++step) {
    for (float& w : weights.mutable_data<float>()) w += kUpdate;
    weights = kernels::RoundStochastically(weights, {.seed = 1, .stream = step}).To(DType::kF32);
    nearest = static_cast<float>(BFloat16(nearest + kUpdate));
  }
  EXPECT_EQ(nearest, 1);
  const double wanted = 1 + kUpdates * static_cast<double>(kUpdate);
  double mean = 0, squares = 0;
  for (const float w : weights.data<float>()) {
    mean += w / static_cast<double>(kWeights);
    squares += (w - wanted) * (w - wanted) / static_cast<double>(kWeights);
  }
  const double spread = std::sqrt(kUpdates * (1.0 / 8) * (7.0 / 8)) / 128;
  EXPECT_NEAR(mean, wanted, 4 * spread / std::sqrt(static_cast<double>(kWeights)));
  EXPECT_NEAR(squares / (spread * spread), 1, 4 * std::sqrt(2.0 / static_cast<double>(kWeights)));
  EXPECT_LT(std::sqrt(squares), kUpdates * static_cast<double>(kUpdate) / 7);  // sqrt(n) against n
}

}  // namespace
}  // namespace tessera::math::walk
