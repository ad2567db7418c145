#include "tessera/infer/guidance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/golden.h"
#include "tessera/infer/mixed_modal.h"

namespace tessera::infer {
namespace {

using models::Golden;
using testing::ElementsAreArray;

std::vector<int32_t> Ids(const Tensor& ids) { return {ids.data<int64_t>().begin(), ids.data<int64_t>().end()}; }

std::span<const float> Row(const Tensor& x, int64_t row) {
  const auto n = static_cast<size_t>(x.dim(-1));
  return x.data<float>().subspan(static_cast<size_t>(row) * n, n);
}

class GoldenGuidance : public testing::TestWithParam<const char*> {
 protected:
  Golden golden_{GetParam()};
  std::unique_ptr<models::LanguageModel> model_ = golden_.Load();
  const models::PictureVocabulary& vocabulary_ = model_->picture_tokens()->vocabulary();

  // The tokens that may be drawn are those that the golden leaves finite, at its probabilities.
  void ExpectDistribution(const std::vector<Candidate>& own, std::span<const float> expected) {
    double sum = 0;
    std::map<int32_t, double> probability;
    for (size_t id = 0; id < expected.size(); ++id) {
      if (!std::isfinite(expected[id])) continue;
      probability[static_cast<int32_t>(id)] = std::exp(static_cast<double>(expected[id]));
      sum += probability[static_cast<int32_t>(id)];
    }
    EXPECT_EQ(own.size(), probability.size());
    for (const Candidate& candidate : own)
      EXPECT_NEAR(candidate.probability, probability[candidate.id] / sum, 1e-5) << candidate.id;
  }
};

TEST_P(GoldenGuidance, ThreeContextsAreMixedAsPublished) {
  const Tensor logits = golden_["proc.logits_in"], mixed = golden_["proc.cfg_mixed"];
  const int64_t samples = logits.dim(0) / 3;  // all prompts, then their pictures, then nothing
  for (int64_t s = 0; s < samples; ++s) {
    const auto z = Guided(Row(logits, s), Row(logits, samples + s), Row(logits, 2 * samples + s), Guidance{});
    for (size_t id = 0; id < z.size(); ++id) EXPECT_NEAR(z[id], Row(mixed, s)[id], 1e-5f) << id;
  }
}

TEST_P(GoldenGuidance, ImageTokensAreDrawnFromThePublishedDistribution) {
  const Tensor mixed = golden_["proc.cfg_mixed"], expected = golden_["proc.image_final"],
               ids = golden_["proc.input_ids"];
  for (int64_t row = 0; row < mixed.dim(0); ++row) {
    const std::vector<int32_t> history = Ids(ids.Slice(0, row, row + 1).Contiguous());
    ExpectDistribution(SamplingDistribution(Row(mixed, row), history, 0, PictureMode({}, vocabulary_)),
                       Row(expected, row));
  }
}

TEST_P(GoldenGuidance, WordsAreDrawnFromThePublishedDistribution) {
  const Tensor logits = golden_["proc.logits_in"], expected = golden_["proc.text_final"],
               ids = golden_["proc.input_ids"];
  const SamplingOptions options = TextMode({}, vocabulary_, model_->summary().max_context);
  for (int64_t row = 0; row < logits.dim(0); ++row) {
    const std::vector<int32_t> history = Ids(ids.Slice(0, row, row + 1).Contiguous());
    ExpectDistribution(SamplingDistribution(Row(logits, row), history, 0, options), Row(expected, row));
  }
  EXPECT_EQ(options.blocked_from.at(vocabulary_.begin), golden_["proc.text_boi_blocked_from"].data<int64_t>()[0]);
}

TEST_P(GoldenGuidance, TopPKeepsWhatThePublishedCodeKeeps) {
  const Tensor in = golden_["proc.topp_probs_in"], out = golden_["proc.topp_probs_out"];
  for (int64_t row = 0; row < in.dim(0); ++row) {
    std::vector<float> logits, expected;
    for (const float p : Row(in, row)) logits.push_back(std::log(p));
    for (const float p : Row(out, row)) expected.push_back(std::log(p));
    ExpectDistribution(SamplingDistribution(logits, {}, 0, {.temperature = 1, .top_p = 0.9f}), expected);
  }
}

TEST_P(GoldenGuidance, ContextsOfAPrompt) {
  const Guidance guidance = GuidanceFor(Ids(golden_["cfg.prompt_full"]), vocabulary_);
  EXPECT_THAT(guidance.pictures, ElementsAreArray(golden_["cfg.prompt_image"].data<int64_t>()));
  EXPECT_THAT(guidance.nothing, ElementsAreArray(golden_["cfg.prompt_uncond"].data<int64_t>()));
  EXPECT_THROW(GuidanceFor(std::vector<int32_t>{vocabulary_.bos}, vocabulary_), Error);
}

// 48 greedy image tokens of three contexts: every context's logits of the first steps, and the tokens.
TEST_P(GoldenGuidance, GreedyImageTokensMatch) {
  std::map<RequestId, std::vector<std::vector<float>>> seen;
  Engine engine(*model_, {.context = 256,
                          .cache_tokens = 1024,
                          .cache_dtype = DType::kF32,
                          .observe_logits = [&](RequestId id, int64_t, std::span<const float> logits) {
                            seen[id].emplace_back(logits.begin(), logits.end());
                          }});
  const std::vector<int32_t> prompt = Ids(golden_["cfg.prompt_full"]);
  SamplingOptions sampling = PictureMode({}, vocabulary_);
  sampling.temperature = 0;
  const RequestId id = engine.Submit({.prompt = prompt,
                                      .max_tokens = 48,
                                      .ignore_eos = true,
                                      .sampling = sampling,
                                      .guidance = GuidanceFor(prompt, vocabulary_)});
  std::vector<int64_t> tokens;
  while (!engine.idle())
    for (const TokenEvent& event : engine.Step()) tokens.push_back(event.token);
  EXPECT_THAT(tokens, ElementsAreArray(golden_["cfg.greedy_tokens"].data<int64_t>()));
  const Tensor expected = golden_["cfg.step_logits3"];
  for (int64_t step = 0; step < expected.dim(0); ++step) {
    for (int64_t context = 0; context < 3; ++context) {
      const std::vector<float>& own = seen[id + context].at(static_cast<size_t>(step));
      const auto row = Row(expected, step * 3 + context);
      for (size_t n = 0; n < own.size(); ++n) EXPECT_NEAR(own[n], row[n], 1e-3f) << step << ", " << context;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, GoldenGuidance, testing::Values("chameleon_7b_style_fp32", "chameleon_34b_style_bf16"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace tessera::infer
