#include "tessera/infer/ranking.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "tessera/core/random.h"
#include "tessera/infer/sampling.h"

namespace tessera::infer {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

float Largest(const std::vector<float>& z) { return *std::ranges::max_element(z); }

// The definition: every token with its weight, sorted at once.
std::vector<Candidate> Sorted(const std::vector<float>& z, float temperature) {
  std::vector<Candidate> all;
  for (size_t i = 0; i < z.size(); ++i) {
    const double exponent = z[i] == Largest(z) ? 0 : (double{z[i]} - Largest(z)) / temperature;
    if (exponent > -104) all.push_back({static_cast<int32_t>(i), std::exp(exponent)});
  }
  std::ranges::sort(all, MoreLikely);
  return all;
}

std::vector<float> RandomLogits(size_t count, float spread, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, spread);
  std::vector<float> z(count);
  for (float& value : z) value = normal(random);
  return z;
}

// Vocabularies with ties, infinities, stretches that are not whole, and spreads from flat to sharp.
std::vector<std::vector<float>> Vocabularies() {
  std::vector<std::vector<float>> all = {
      {0}, {1, 1, 1, 1}, {0, -kInf, 3, kInf, kInf, -5}, {-kInf, -1e30f, 1e30f, -kInf}, std::vector<float>(1000, -2.5f)};
  uint32_t seed = 0;
  for (const size_t count : {63u, 64u, 65u, 5000u})
    for (const float spread : {0.01f, 1.0f, 4.0f, 300.0f}) all.push_back(RandomLogits(count, spread, ++seed));
  for (float& value : all.back()) value = std::round(value / 100) * 100;  // many ties
  return all;
}

constexpr float kTemperatures[] = {1e-38f, 0.01f, 0.2f, 1, 7, 1e38f};

TEST(Ranking, BringsEveryTokenInItsOrder) {
  for (const std::vector<float>& z : Vocabularies()) {
    for (const float temperature : kTemperatures) {
      Ranking ranking(z, Largest(z), temperature);
      size_t brought = 0;
      while (ranking.More()) {
        EXPECT_GT(ranking.tokens().size(), brought);
        brought = ranking.tokens().size();
      }
      const std::vector<Candidate> wanted = Sorted(z, temperature);
      ASSERT_EQ(ranking.tokens().size(), wanted.size()) << z.size() << " at " << temperature;
      for (size_t i = 0; i < wanted.size(); ++i) {
        ASSERT_EQ(ranking.tokens()[i].id, wanted[i].id) << i << " of " << z.size() << " at " << temperature;
        ASSERT_NEAR(ranking.tokens()[i].probability, wanted[i].probability, 1e-13 * wanted[i].probability);
      }
    }
  }
}

TEST(Ranking, TheTotalCountsTokensThatWereNotBrought) {
  for (const std::vector<float>& z : Vocabularies()) {
    for (const float temperature : kTemperatures) {
      double wanted = 0;
      for (const Candidate& token : Sorted(z, temperature)) wanted += token.probability;
      EXPECT_NEAR(Ranking(z, Largest(z), temperature).Total(), wanted, 1e-6 * wanted)
          << z.size() << " at " << temperature;
    }
  }
}

TEST(Ranking, WhatIsCutOffDoesNotComeBack) {
  const std::vector<float> z = {3, 1, 2, -50};
  Ranking ranking(z, 3, 1);
  while (ranking.tokens().size() < 2 && ranking.More()) continue;
  ranking.Cut(2);
  EXPECT_FALSE(ranking.More());
  EXPECT_EQ(ranking.tokens().size(), 2u);
  EXPECT_DOUBLE_EQ(ranking.Total(), 1 + std::exp(-1));
  ranking.Cut(7);
  EXPECT_EQ(ranking.tokens().size(), 2u);
}

// Drawing looks no further than it must; SamplingDistribution looks at everything.
TEST(Ranking, ADrawIsThatFromTheWholeDistribution) {
  const std::vector<float> z = RandomLogits(3000, 3, 11);
  const SamplingOptions all[] = {{.temperature = 1},
                                 {.temperature = 0.2f, .top_p = 0.9f},
                                 {.temperature = 3, .top_p = 0.99f, .min_p = 0.001f},
                                 {.temperature = 0.8f, .top_k = 40},
                                 {.temperature = 1.5f, .top_k = 500, .top_p = 0.5f},
                                 {.temperature = 1, .min_p = 0.02f},
                                 {.temperature = 1, .top_p = 0.95f, .typical_p = 0.5f},
                                 {.temperature = 1, .typical_p = 0.3f}};
  for (SamplingOptions options : all) {
    const std::vector<Candidate> distribution = SamplingDistribution(z, {}, 0, options);
    for (options.seed = 0; options.seed < 300; ++options.seed) {
      double left = Random(options.seed).Uniform();
      const auto drawn =
          std::ranges::find_if(distribution, [&](const Candidate& c) { return (left -= c.probability) < 0; });
      ASSERT_NE(drawn, distribution.end());
      EXPECT_EQ(SampleToken(z, {}, 0, options), drawn->id);
    }
  }
}

}  // namespace
}  // namespace tessera::infer
