#include "tessera/nn/rope_scaling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tessera/core/error.h"

namespace tessera::nn {
namespace {

Json Cases() {
  std::ifstream file(TESSERA_TEST_DATA "/rope_scaling.json");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return ParseJson(text, "rope_scaling.json");
}

TEST(RopeScaling, EveryRuleMatchesTransformers) {
  const Json cases = Cases();
  ASSERT_GE(cases.size(), 11u);
  for (const Json& row : cases) {
    const RopeConfig config = ReadRopeConfig(row["config"], row["head_dim"].get<int64_t>());
    const std::vector<float> frequencies = InverseFrequencies(config, row["length"].get<int64_t>());
    const auto expected = row["inverse_frequencies"].get<std::vector<float>>();
    ASSERT_EQ(frequencies.size(), expected.size()) << row["name"];
    // The reference computes in f32, so it is a few units in the last place away.
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(frequencies[i], expected[i], 1e-6f * expected[i]) << row["name"] << " pair " << i;
    EXPECT_NEAR(AttentionFactor(config), row["attention_factor"].get<float>(), 1e-6f) << row["name"];
  }
}

TEST(RopeScaling, OlderConfigsMeanTheSame) {
  const Json now = ParseJson(R"({"max_position_embeddings": 512, "rope_parameters": {"rope_type": "yarn", "factor": 8,
      "rope_theta": 50000, "original_max_position_embeddings": 64}})",
                             "now");
  const Json before =
      ParseJson(R"({"max_position_embeddings": 512, "rope_theta": 50000, "rope_scaling": {"type": "yarn",
      "factor": 8, "original_max_position_embeddings": 64}})",
                "before");
  EXPECT_EQ(InverseFrequencies(ReadRopeConfig(now, 32), 1), InverseFrequencies(ReadRopeConfig(before, 32), 1));
  const Json plain = ParseJson(R"({"rope_theta": 50000, "rope_scaling": null})", "plain");
  EXPECT_EQ(ReadRopeConfig(plain, 32).type, RopeType::kDefault);
  EXPECT_EQ(ReadRopeConfig(plain, 32).theta, 50000);
}

TEST(RopeScaling, PartialRotaryTurnsTheFirstValuesOfAHead) {
  EXPECT_EQ(ReadRopeConfig(ParseJson(R"({"partial_rotary_factor": 0.25})", "c"), 64).rotary_dim, 16);
}

TEST(RopeScaling, GgufFactorsDivideTheFrequencies) {
  const Json config = ParseJson(R"({"rope_parameters": {"rope_type": "factors", "factors": [1, 4]}})", "c");
  const std::vector<float> frequencies = InverseFrequencies(ReadRopeConfig(config, 4), 1);
  EXPECT_THAT(frequencies, testing::ElementsAre(1.0f, testing::FloatEq(0.0025f)));
}

TEST(RopeScaling, DeepSeekScalesTheSoftmaxByTheSquareOfItsMscale) {
  EXPECT_DOUBLE_EQ(YarnMscale(40, 0.707), 0.1 * 0.707 * std::log(40.0) + 1);
  EXPECT_EQ(YarnMscale(1, 0.707), 1);
}

TEST(RopeScaling, NonsenseIsRefusedByTheNameOfItsKey) {
  const auto read = [](const char* text) { return ReadRopeConfig(ParseJson(text, "c"), 32); };
  const auto refused = [&](const char* text, const char* what) {
    EXPECT_THAT([&] { read(text); }, testing::ThrowsMessage<Error>(testing::HasSubstr(what))) << text;
  };
  refused(R"({"rope_scaling": {"type": "spiral"}})", "spiral");
  refused(R"({"rope_scaling": 7})", "rope parameters");
  refused(R"({"rope_theta": -1})", "rope_theta");
  refused(R"({"rope_theta": "big"})", "rope_theta");
  refused(R"({"rope_scaling": {"type": "linear", "factor": 0}})", "factor");
  refused(R"({"partial_rotary_factor": 2})", "even number");
  refused(R"({"rope_scaling": {"type": "longrope", "short_factor": [1]}})", "short_factor");
  refused(R"({"rope_scaling": {"type": "llama3", "low_freq_factor": 4, "high_freq_factor": 4}})", "high_freq_factor");
}

}  // namespace
}  // namespace tessera::nn
