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

const std::vector<int64_t> kIds{5, 9, 91, 31, 77, 40, 8, 3, 55, 66, 12};

class EveryFamily : public testing::TestWithParam<const char*> {};

TEST_P(EveryFamily, ALaterTokenChangesNothingEarlier) {
  const auto model = Golden(GetParam()).Load();
  std::vector<int64_t> changed = kIds;
  changed[7] = 90;
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

// The last layer is computed for these rows alone; keys and values are those of all.
TEST_P(EveryFamily, RowsThatAreWantedHaveTheSameBitsAsAmongAll) {
  const auto model = Golden(GetParam()).Load();
  const Tensor x = model->Embed(Tensor::From<int64_t>(kIds, {11}));
  struct Pass {
    std::vector<int64_t> wanted, rows;
  };
  for (const Pass& pass : {Pass{{1, 1, 1, 1}, {2, 7, 9, 10}}, Pass{{0, 3, 0, 1}, {5, 6, 7, 10}}, Pass{{0, 0, 0, 0}, {}},
                           Pass{{3, 5, 2, 1}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}}}) {
    for (const bool cached : {false, true}) {
      std::vector<Tensor> memory[2];
      std::vector<kernels::KvPages> layers[2];
      std::vector<int64_t> slots;
      nn::Context context = nn::PlainContext(std::array<int64_t, 4>{3, 5, 2, 1});
      Tensor results[2];
      for (const int fewer : {0, 1}) {
        if (cached) {
          for (const KvShape& kv : model->summary().kv) {
            const kernels::KvPageFormat format = kv.Format(DType::kF32);
            memory[fewer].push_back(Tensor::Zeros({4 * format.page_bytes()}, DType::kU8));
            layers[fewer].push_back({.format = format, .base = memory[fewer].back().mutable_raw(), .page_count = 4});
          }
          slots.clear();
          for (int32_t s = 0; s < 4; ++s) {
            auto& sequence = context.pattern.sequences[static_cast<size_t>(s)];
            sequence.pages = {s};
            for (int64_t t = 0; t < sequence.query_count; ++t) slots.push_back(64 * s + t);
          }
          context.cache = nn::KvView{layers[fewer], slots};
        }
        if (fewer == 1) context.wanted = pass.wanted;
        results[fewer] = model->Hidden(x, context);
      }
      ASSERT_EQ(results[1].dim(0), std::ssize(pass.rows));
      for (size_t i = 0; i < pass.rows.size(); ++i) {
        const int64_t all = pass.rows[i], own = static_cast<int64_t>(i);
        EXPECT_THAT(results[1].Slice(0, own, own + 1).To(DType::kF32).Contiguous().data<float>(),
                    ElementsAreArray(results[0].Slice(0, all, all + 1).To(DType::kF32).Contiguous().data<float>()));
      }
      for (size_t layer = 0; layer < memory[0].size(); ++layer)
        EXPECT_THAT(memory[1][layer].data<uint8_t>(), ElementsAreArray(memory[0][layer].data<uint8_t>())) << layer;
    }
  }
}

TEST_P(EveryFamily, ContextsThatDoNotFitAreRefused) {
  const auto model = Golden(GetParam()).Load();
  EXPECT_THROW(Logits(*model, kIds, {10}), Error);
  EXPECT_THROW(model->Embed(Tensor::From<int64_t>({1 << 20}, {1})), Error);
}

INSTANTIATE_TEST_SUITE_P(Cases, EveryFamily,
                         testing::Values("llama_llama3rope_bf16_sharded", "qwen2_base_bf16", "moonlight_moe_fp32",
                                         "deepseek_groups_qlora_bf16_sharded", "qwen2vl_fp32", "qwen25vl_bf16",
                                         "qwen2_sliding_window_fp32", "chameleon_7b_style_fp32",
                                         "chameleon_34b_style_bf16"),
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
