#include "tessera/kernels/stochastic_rounding.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "kernels/accuracy.h"
#include "kernels/for_each_isa.h"
#include "tessera/core/random.h"
#include "tessera/core/thread_pool.h"
#include "tessera/kernels/reference/stochastic_rounding.h"

namespace tessera::kernels {
namespace {

Tensor Filled(int64_t n, float value) {
  Tensor x = Tensor::Empty({n});
  for (float& v : x.mutable_data<float>()) v = value;
  return x;
}

void ExpectSameBits(const Tensor& a, const Tensor& b) {
  const auto x = a.data<BFloat16>(), y = b.data<BFloat16>();
  ASSERT_EQ(x.size(), y.size());
  for (size_t i = 0; i < x.size(); ++i) ASSERT_EQ(x[i].bits, y[i].bits) << i;
}

TEST(StochasticRounding, HasTheBitsOfThePlainFormOnEverySetAndAtEveryLength) {
  ForEachIsa([](Isa) {
    for (const int64_t n : {0, 1, 2, 7, 8, 9, 127, 128, 129, 1000, 40'000}) {
      Tensor x = Tensor::Empty({n});
      Random random(static_cast<uint64_t>(n));
      for (float& v : x.mutable_data<float>()) v = std::bit_cast<float>(random.Next());  // NaN and infinities too
      const RoundingNoise noise{.seed = 0x123456789ABCDEF, .stream = 0xFEDCBA9876543210};
      ExpectSameBits(RoundStochastically(x, noise), reference::RoundStochastically(x, noise));
    }
  });
}

TEST(StochasticRounding, TheSameForAnyNumberOfThreads) {
  const Tensor x = Filled(100'000, 1.003f);
  const int threads = ThreadCount();
  SetThreadCount(1);
  const Tensor one = RoundStochastically(x, {.seed = 4});
  SetThreadCount(3);
  const Tensor three = RoundStochastically(x, {.seed = 4});
  SetThreadCount(threads);
  ExpectSameBits(one, three);
}

TEST(StochasticRounding, WhatIsABf16AlreadyStaysAsItIs) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  for (const float value : {0.0f, -0.0f, 1.0f, -1.5f, 3.3895314e38f, 1e-40f * 0, kInf, -kInf, 0x1p-133f}) {
    const Tensor y = RoundStochastically(Filled(300, value), {.seed = 9});
    for (const BFloat16 rounded : y.data<BFloat16>())
      EXPECT_EQ(std::bit_cast<uint32_t>(static_cast<float>(rounded)), std::bit_cast<uint32_t>(value)) << value;
  }
  const Tensor nans = RoundStochastically(Filled(300, std::bit_cast<float>(0x7F800001u)), {.seed = 9});
  for (const BFloat16 rounded : nans.data<BFloat16>()) EXPECT_TRUE(std::isnan(static_cast<float>(rounded)));
}

// P(up) is what is dropped, in units of the last place: counts of 2^18 draws within 4.5 standard deviations.
TEST(StochasticRounding, GoesUpAsOftenAsTheDroppedPartSays) {
  constexpr int64_t kDraws = 1 << 18;
  for (const uint32_t dropped : {0x0001u, 0x1000u, 0x4000u, 0x8000u, 0xC123u, 0xFFFFu})
    for (const uint32_t upper : {0x3F800000u, 0xBF800000u, 0x00010000u, 0x7F000000u}) {
      const Tensor y = RoundStochastically(Filled(kDraws, std::bit_cast<float>(upper | dropped)), {.seed = dropped});
      int64_t up = 0;
      for (const BFloat16 rounded : y.data<BFloat16>()) {
        ASSERT_TRUE(rounded.bits == upper >> 16 || rounded.bits == (upper >> 16) + 1);
        up += rounded.bits == (upper >> 16) + 1 ? 1 : 0;
      }
      const double p = dropped / 65536.0, mean = p * kDraws;
      EXPECT_NEAR(static_cast<double>(up), mean, 4.5 * std::sqrt(mean * (1 - p)) + 1) << dropped << " " << upper;
    }
}

TEST(StochasticRounding, OtherTypesAreRefused) {
  EXPECT_THROW(RoundStochastically(Tensor::Empty({3}, DType::kBF16), {}), Error);
}

}  // namespace
}  // namespace tessera::kernels
