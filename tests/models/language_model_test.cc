// What every model promises, whatever its weights.

#include "tessera/models/language_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "models/golden.h"
#include "tessera/core/thread_pool.h"
#include "tessera/models/perplexity.h"

namespace tessera::models {
namespace {

using testing::ElementsAreArray;

Tensor Logits(const LanguageModel& model, const std::vector<int64_t>& ids, const std::vector<int64_t>& lengths) {
  return model.Logits(
      model.Hidden(model.Embed(Tensor::From<int64_t>(ids, {std::ssize(ids)})), nn::PlainContext(lengths)));
}

const std::vector<int64_t> kIds{5, 9, 200, 31, 77, 140, 8, 3, 250, 66, 12};

class EveryFamily : public testing::TestWithParam<const char*> {};

TEST_P(EveryFamily, ALaterTokenChangesNothingEarlier) {
  const auto model = Golden(GetParam()).Load();
  std::vector<int64_t> changed = kIds;
  changed[7] = 99;
  const Tensor a = Logits(*model, kIds, {11}), b = Logits(*model, changed, {11});
  const auto before = static_cast<size_t>(7 * a.dim(1));
  EXPECT_THAT(b.data<float>().first(before), ElementsAreArray(a.data<float>().first(before)));
  EXPECT_NE(b.data<float>()[before], a.data<float>()[before]);
}

TEST_P(EveryFamily, TheSameBitsAloneInABatchAndWithOneThread) {
  const auto model = Golden(GetParam()).Load();
  const Tensor alone = Logits(*model, kIds, {11});
  std::vector<int64_t> batch{7, 7, 7};
  batch.insert(batch.end(), kIds.begin(), kIds.end());
  batch.push_back(4);
  const Tensor together = Logits(*model, batch, {3, 11, 0, 1});
  const auto row = static_cast<size_t>(alone.dim(1));
  EXPECT_THAT(together.data<float>().subspan(3 * row, 11 * row), ElementsAreArray(alone.data<float>()));
  const int threads = ThreadCount();
  SetThreadCount(1);
  const Tensor single = Logits(*model, kIds, {11});
  SetThreadCount(threads);
  EXPECT_THAT(single.data<float>(), ElementsAreArray(alone.data<float>()));
}

TEST_P(EveryFamily, PackedWeightsGiveTheSameBits) {
  const Golden golden(GetParam());
  const Tensor plain = Logits(*golden.Load(LoadOptions{}), kIds, {11}),
               packed = Logits(*golden.Load({.pack = true}), kIds, {11});
  EXPECT_THAT(packed.data<float>(), ElementsAreArray(plain.data<float>()));
  const auto later = golden.Load({.pack = true, .pack_later = true});
  EXPECT_THAT(Logits(*later, kIds, {11}).data<float>(), ElementsAreArray(plain.data<float>()));
  later->parameters().Pack();
  EXPECT_THAT(Logits(*later, kIds, {11}).data<float>(), ElementsAreArray(plain.data<float>()));
}

TEST_P(EveryFamily, ContextsThatDoNotFitAreRefused) {
  const auto model = Golden(GetParam()).Load();
  EXPECT_THROW(Logits(*model, kIds, {10}), Error);
  EXPECT_THROW(model->Embed(Tensor::From<int64_t>({1 << 20}, {1})), Error);
}

INSTANTIATE_TEST_SUITE_P(Cases, EveryFamily,
                         testing::Values("llama_llama3rope_bf16_sharded", "qwen2_base_bf16", "moonlight_moe_fp32",
                                         "deepseek_groups_qlora_bf16_sharded", "qwen2vl_fp32", "qwen25vl_bf16"),
                         [](const auto& test) { return std::string(test.param); });

TEST(Perplexity, EveryTokenIsScoredOnceWhateverTheWindow) {
  const auto model = Golden("llama_smollm2_fp32").Load();
  const PerplexityResult whole = MeasurePerplexity(*model, kIds, {.window = 11, .stride = 1});
  ASSERT_EQ(whole.log_probabilities.size(), 10u);
  for (const PerplexityOptions& options :
       {PerplexityOptions{.window = 4, .stride = 3}, {.window = 5, .stride = 2}, {.window = 100, .stride = 99}}) {
    std::vector<int64_t> done;
    PerplexityOptions watched = options;
    watched.progress = [&](int64_t scored, int64_t total) {
      done.push_back(scored);
      EXPECT_EQ(total, 10);
    };
    const PerplexityResult result = MeasurePerplexity(*model, kIds, watched);
    EXPECT_EQ(result.log_probabilities.size(), 10u);
    EXPECT_EQ(done.back(), 10);
    // The first window has seen the same tokens.
    const auto same = static_cast<size_t>(std::min<int64_t>(options.window, 11) - 1);
    EXPECT_THAT(std::span(result.log_probabilities).first(same),
                ElementsAreArray(std::span(whole.log_probabilities).first(same)));
  }
  double sum = 0;
  for (const float p : whole.log_probabilities) sum -= p;
  EXPECT_NEAR(whole.perplexity, std::exp(sum / 10), 1e-9);
}

TEST(Perplexity, ThroughACacheScoresAreThoseOfItsType) {
  const auto model = Golden("llama_smollm2_fp32").Load();
  const auto scores = [&](std::optional<DType> cache, int64_t window) {
    return MeasurePerplexity(*model, kIds, {.window = window, .stride = 3, .cache = cache}).log_probabilities;
  };
  for (const int64_t window : {5, 1 << 20}) {  // the longer one keeps pages for the text alone
    const std::vector<float> plain = scores({}, window);
    EXPECT_THAT(scores(DType::kF32, window), ElementsAreArray(plain));
    for (const DType dtype : {DType::kBF16, DType::kF16, DType::kQ8_0}) {
      const std::vector<float> rounded = scores(dtype, window);
      EXPECT_NE(rounded, plain) << Name(dtype);
      EXPECT_THAT(rounded, testing::Pointwise(testing::FloatNear(dtype == DType::kF16 ? 0.05f : 0.5f), plain))
          << Name(dtype);
    }
  }
}

TEST(Perplexity, OptionsOutOfRangeAreRefused) {
  const auto model = Golden("llama_smollm2_fp32").Load();
  EXPECT_THROW(MeasurePerplexity(*model, std::vector<int64_t>{1}), Error);
  EXPECT_THROW(MeasurePerplexity(*model, std::vector<int64_t>{1, 384}), Error);
  EXPECT_THROW(MeasurePerplexity(*model, kIds, {.window = 1, .stride = 1}), Error);
  EXPECT_THROW(MeasurePerplexity(*model, kIds, {.window = 4, .stride = 4}), Error);
}

}  // namespace
}  // namespace tessera::models
