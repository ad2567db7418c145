#include "tessera/infer/sampling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tessera/core/error.h"

namespace tessera::infer {
namespace {

using testing::ElementsAre;

const std::vector<float> kLogits = {std::log(0.5f), std::log(0.25f), std::log(0.15f), std::log(0.1f)};

std::vector<int32_t> Kept(const SamplingOptions& options) {
  std::vector<int32_t> ids;
  for (const Candidate& c : SamplingDistribution(kLogits, {}, 0, options)) ids.push_back(c.id);
  return ids;
}

TEST(Sampling, TemperatureZeroTakesTheLargestLogitAndTheLowestIdOnATie) {
  EXPECT_EQ(SampleToken(std::vector<float>{1, 3, 3, 2}, {}, 0, {}), 1);
}

TEST(Sampling, OnlyPlainGreedyTakesTheLikeliestWhateverCameBefore) {
  EXPECT_TRUE(TakesLikeliest({}));
  EXPECT_FALSE(TakesLikeliest({.temperature = 0.5f}));
  EXPECT_FALSE(TakesLikeliest({.repetition_penalty = 1.1f}));
  EXPECT_FALSE(TakesLikeliest({.logit_bias = {{3, 1.0f}}}));
  EXPECT_FALSE(TakesLikeliest({.allowed = {1, 2}}));
}

TEST(Sampling, TopKKeepsTheMostLikely) { EXPECT_THAT(Kept({.temperature = 1, .top_k = 2}), ElementsAre(0, 1)); }

TEST(Sampling, TopPKeepsTheFewestThatReachP) {
  EXPECT_THAT(Kept({.temperature = 1, .top_p = 0.7f}), ElementsAre(0, 1));
  EXPECT_THAT(Kept({.temperature = 1, .top_p = 0.0001f}), ElementsAre(0));
}

TEST(Sampling, MinPKeepsThoseNearTheLikeliest) {
  EXPECT_THAT(Kept({.temperature = 1, .min_p = 0.29f}), ElementsAre(0, 1, 2));
}

// Entropy 1.208; | -ln p - H | = 0.515, 0.178, 0.689, 1.095 for the four tokens.
TEST(Sampling, TypicalKeepsThoseNearestToTheEntropy) {
  EXPECT_THAT(Kept({.temperature = 1, .typical_p = 0.2f}), ElementsAre(1));
  EXPECT_THAT(Kept({.temperature = 1, .typical_p = 0.7f}), ElementsAre(0, 1));
}

TEST(Sampling, TemperatureSharpensTheDistribution) {
  const auto sharp = SamplingDistribution(kLogits, {}, 0, {.temperature = 0.5f});
  EXPECT_NEAR(sharp[0].probability, 0.25 / (0.25 + 0.0625 + 0.0225 + 0.01), 1e-6);
}

TEST(Sampling, RepetitionPenaltyDividesPositiveAndMultipliesNegativeLogits) {
  const std::vector<float> logits = {2, 1.5f, -1};
  EXPECT_EQ(SampleToken(logits, std::vector<int32_t>{0}, 0, {.repetition_penalty = 2}), 1);
  const auto p = SamplingDistribution(logits, std::vector<int32_t>{2}, 0, {.temperature = 1, .repetition_penalty = 2});
  EXPECT_NEAR(p.back().probability, std::exp(-2) / (std::exp(2) + std::exp(1.5) + std::exp(-2)), 1e-6);
}

TEST(Sampling, RepetitionWindowForgetsOldTokens) {
  const std::vector<float> logits = {2, 1.5f};
  const std::vector<int32_t> history = {0, 1};
  EXPECT_EQ(SampleToken(logits, history, 0, {.repetition_penalty = 2, .repetition_window = 1}), 0);
}

TEST(Sampling, PresenceAndFrequencyCountTheAnswerOnly) {
  const std::vector<float> logits = {2, 1.5f};
  const std::vector<int32_t> history = {0, 0, 0};
  EXPECT_EQ(SampleToken(logits, history, 3, {.presence_penalty = 1}), 0);  // all in the prompt
  EXPECT_EQ(SampleToken(logits, history, 2, {.presence_penalty = 1}), 1);  // one in the answer
  EXPECT_EQ(SampleToken(logits, history, 2, {.frequency_penalty = 0.3f}), 0);
  EXPECT_EQ(SampleToken(logits, history, 1, {.frequency_penalty = 0.3f}), 1);
}

TEST(Sampling, LogitBiasForbidsAToken) {
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(SampleToken(kLogits, {}, 0, {.logit_bias = {{0, -inf}}}), 1);
  for (uint64_t seed = 0; seed < 50; ++seed) {
    EXPECT_NE(SampleToken(kLogits, {}, 0, {.temperature = 1, .logit_bias = {{0, -inf}}, .seed = seed}), 0);
  }
}

TEST(Sampling, DrawsFollowTheDistribution) {
  constexpr int kDraws = 20000;
  std::vector<int> counts(4);
  for (int i = 0; i < kDraws; ++i) {
    const std::vector<int32_t> history(static_cast<size_t>(i % 100));
    ++counts[static_cast<size_t>(
        SampleToken(kLogits, history, 0, {.temperature = 1, .seed = static_cast<uint64_t>(i / 100)}))];
  }
  const std::vector<double> expected = {0.5, 0.25, 0.15, 0.1};
  double chi_square = 0;
  for (size_t i = 0; i < 4; ++i) chi_square += std::pow(counts[i] - kDraws * expected[i], 2) / (kDraws * expected[i]);
  EXPECT_LT(chi_square, 16.3);  // 3 degrees of freedom, one in a thousand
}

TEST(Sampling, TheDrawDependsOnSeedAndPositionAlone) {
  const std::vector<int32_t> a = {1, 2, 3}, b = {3, 2, 1};
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const SamplingOptions options{.temperature = 1, .seed = seed};
    EXPECT_EQ(SampleToken(kLogits, a, 0, options), SampleToken(kLogits, b, 3, options));
  }
}

TEST(Sampling, InfiniteLogitsAreHandled) {
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(SampleToken(std::vector<float>{0, inf, -inf}, {}, 0, {.temperature = 1}), 1);
}

TEST(Sampling, NotANumberAndNothingAllowedAreErrors) {
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_THROW(SampleToken(std::vector<float>{0, std::nanf("")}, {}, 0, {}), Error);
  EXPECT_THROW(SampleToken(std::vector<float>{-inf, -inf}, {}, 0, {.temperature = 1}), Error);
}

TEST(Sampling, OptionsOutOfRangeAreNamed) {
  const auto message = [](const SamplingOptions& options) -> std::string {
    try {
      CheckSampling(options);
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  };
  EXPECT_THAT(message({.temperature = -1}), testing::HasSubstr("temperature: -1"));
  EXPECT_THAT(message({.top_k = -1}), testing::HasSubstr("top_k"));
  EXPECT_THAT(message({.top_p = 0}), testing::HasSubstr("top_p"));
  EXPECT_THAT(message({.min_p = 2}), testing::HasSubstr("min_p"));
  EXPECT_THAT(message({.repetition_penalty = 0}), testing::HasSubstr("repetition_penalty"));
  EXPECT_EQ(message({}), "");
}

}  // namespace
}  // namespace tessera::infer
