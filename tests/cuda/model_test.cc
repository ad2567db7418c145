// Models on the GPU: the goldens of other frameworks, and the engine beside itself on the processor.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <unordered_map>

#include "bench/random_model.h"
#include "models/golden_pictures.h"
#include "tessera/infer/engine.h"
#include "tessera/infer/greedy.h"
#include "tessera/infer/strategy.h"

namespace tessera::models {
namespace {

constexpr float kTolerance = 2e-4f;
const LoadOptions kExactOnGpu{.device = Device::kCuda, .precision = ops::LinearPrecision::kExact};

class GpuGolden : public testing::TestWithParam<const char*> {};

TEST_P(GpuGolden, LogitsAndHiddenStatesMatchInF32) {
  const Golden golden(GetParam());
  for (const auto& [name, values] : RunForward(*golden.Load(kExactOnGpu), {.input_ids = golden["input_ids"]})) {
    ASSERT_TRUE(golden.expected.Has(name)) << name;
    EXPECT_LE(MaxDifference(values, golden[name]), kTolerance) << name;
  }
}

TEST_P(GpuGolden, ErrsNoMoreInBf16ThanTwiceTheReference) {
  const Golden golden(GetParam());
  const auto model = golden.Load({.weights = DType::kBF16, .activations = DType::kBF16, .device = Device::kCuda});
  const auto results = RunForward(*model, {.input_ids = golden["input_ids"]});
  const Tensor own = std::ranges::find(results, "logits", &NamedTensors::value_type::first)->second;
  if (golden.expected.Has("logits_bf16_compute")) {
    EXPECT_LE(MaxDifference(own, golden["logits"]), 2 * MaxDifference(golden["logits_bf16_compute"], golden["logits"]));
  } else {
    // Where the reference has no such pass: no more than twice what the processor errs.
    const auto here = golden.Load({.weights = DType::kBF16, .activations = DType::kBF16});
    const auto beside = RunForward(*here, {.input_ids = golden["input_ids"]});
    const Tensor processors = std::ranges::find(beside, "logits", &NamedTensors::value_type::first)->second;
    EXPECT_LE(RelativeError(own, golden["logits"]), 2 * RelativeError(processors, golden["logits"]));
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, GpuGolden,
                         testing::Values("llama_smollm2_fp32", "llama_llama3rope_bf16_sharded", "qwen2_base_bf16",
                                         "llama_biases_dynamic_fp32", "qwen2_sliding_window_fp32"),
                         [](const auto& test) { return std::string(test.param); });

class GpuGreedy : public testing::TestWithParam<const char*> {};

TEST_P(GpuGreedy, ContinuesAsTheReferenceDoes) {
  const Golden golden(GetParam());
  const auto model = golden.Load(kExactOnGpu);
  const Tensor prompt = golden["greedy.prompt_ids"], expected = golden["greedy.ids"];
  const std::vector<std::vector<int64_t>> prompts{{prompt.data<int64_t>().begin(), prompt.data<int64_t>().end()}};
  const Tensor ids = infer::Greedy(*model, prompts, {.tokens = expected.numel(), .cache_dtype = DType::kF32});
  for (int64_t i = 0; i < expected.numel(); ++i)
    ASSERT_EQ(ids.data<int64_t>()[static_cast<size_t>(i)], expected.data<int64_t>()[static_cast<size_t>(i)]) << i;
}

INSTANTIATE_TEST_SUITE_P(Cases, GpuGreedy,
                         testing::Values("llama_smollm2_fp32", "llama_llama3rope_bf16_sharded", "qwen2_base_bf16"),
                         [](const auto& test) { return std::string(test.param); });

struct PicturePrompt {
  const char *model, *name;
};
class GpuGoldenPictures : public testing::TestWithParam<PicturePrompt> {};

TEST_P(GpuGoldenPictures, LogitsAndFeaturesMatchInF32) {
  const auto [name, prompt] = GetParam();
  const Golden golden(name);
  const auto model = golden.Load(kExactOnGpu);
  const std::vector<VisionInput> inputs = InputsOf(golden, prompt, *model->vision());
  const std::string prefix = std::string(prompt) + ".";
  const auto results = RunForward(*model, {.input_ids = golden[prefix + "input_ids"], .vision = inputs});
  EXPECT_LE(MaxDifference(Named(results, "logits"), golden[prefix + "logits"]), 1e-3f);
  if (prompt != std::string("p1")) return;
  for (const auto& [layer, values] : results)
    if (layer.starts_with("vision") && golden.expected.Has("image_a." + layer)) {
      EXPECT_LE(MaxDifference(values, golden["image_a." + layer]), 5e-4f) << layer;
    }
}

INSTANTIATE_TEST_SUITE_P(Cases, GpuGoldenPictures,
                         testing::Values(PicturePrompt{"qwen2vl_fp32", "p1"}, PicturePrompt{"qwen2vl_fp32", "p2"},
                                         PicturePrompt{"qwen2vl_fp32", "pvi"}, PicturePrompt{"qwen25vl_bf16", "p1"},
                                         PicturePrompt{"qwen25vl_bf16", "p2"}, PicturePrompt{"qwen25vl_bf16", "pv"}),
                         [](const auto& test) { return std::string(test.param.model) + "_" + test.param.name; });

// A model with heads of 64, which the kernels on tiles take, and rows that are whole blocks of every format.
constexpr const char* kSmallConfig = R"({
  "model_type": "qwen2", "vocab_size": 800, "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 3,
  "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_act": "silu", "max_position_embeddings": 4096,
  "rms_norm_eps": 1e-06, "rope_theta": 10000.0, "tie_word_embeddings": false, "bos_token_id": 1, "eos_token_id": 2})";

struct SmallModel {
  weights::Checkpoint checkpoint;
  std::unique_ptr<LanguageModel> model;

  SmallModel(const std::string& type, const LoadOptions& options)
      : checkpoint(weights::Checkpoint::Open(File(type))), model(LoadModel(checkpoint, options)) {}

  static std::string File(const std::string& type) {
    const std::string path = testing::TempDir() + "/small_" + type + ".gguf";
    if (!std::filesystem::exists(path))
      bench::WriteRandomModel(ParseJson(kSmallConfig, "config"), path, {.type = type});
    return path;
  }
};

std::vector<int32_t> Prompt(int64_t length, int32_t step) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < length; ++i) ids.push_back(static_cast<int32_t>((i * step + 5) % 800));
  return ids;
}

struct Answer {
  std::vector<int32_t> tokens;
  std::vector<std::vector<float>> logits;  // before each token
};

// The greedy answers of several prompts at once.
std::vector<Answer> Answers(const LanguageModel& model, const std::vector<std::vector<int32_t>>& prompts,
                            int64_t tokens, infer::EngineOptions options = {}, bool guess = false) {
  std::unordered_map<infer::RequestId, Answer> answers;
  options.context = 2000;
  options.cache_tokens = 2000 * std::ssize(prompts);
  options.observe_logits = [&](infer::RequestId id, int64_t, std::span<const float> logits) {
    answers[id].logits.emplace_back(logits.begin(), logits.end());
  };
  infer::Engine engine(model, options);
  std::vector<infer::RequestId> ids;
  for (const std::vector<int32_t>& prompt : prompts) {
    infer::Request request{.prompt = prompt, .max_tokens = tokens, .ignore_eos = true};
    if (guess) request.strategy = infer::MakeStrategy("lookup");
    ids.push_back(engine.Submit(std::move(request)));
  }
  while (!engine.idle())
    for (const infer::TokenEvent& event : engine.Step()) answers[event.id].tokens.push_back(event.token);
  std::vector<Answer> result;
  for (const infer::RequestId id : ids) result.push_back(answers[id]);
  return result;
}

double Distance(const std::vector<float>& a, const std::vector<float>& b) {
  double error = 0, norm = 0;
  for (size_t i = 0; i < b.size(); ++i) error += std::pow(a[i] - b[i], 2), norm += std::pow(b[i], 2);
  return std::sqrt(error / norm);
}

class GpuWeights : public testing::TestWithParam<const char*> {};

// Prompts through the tensor cores and a recorded step for each token, beside the processor in f32.
TEST_P(GpuWeights, AnswersAreNearThoseOfTheProcessor) {
  const SmallModel here(GetParam(), {.precision = ops::LinearPrecision::kExact});
  const SmallModel there(GetParam(), {.activations = DType::kBF16, .device = Device::kCuda});
  const std::vector<std::vector<int32_t>> prompts{Prompt(300, 7), Prompt(5, 3), Prompt(64, 11)};
  const auto wanted = Answers(*here.model, prompts, 1, {.cache_dtype = DType::kF32});
  const auto got = Answers(*there.model, prompts, 1);
  for (size_t i = 0; i < prompts.size(); ++i)
    EXPECT_LE(Distance(got[i].logits[0], wanted[i].logits[0]), 0.03) << "prompt " << i;

  // Steps: what was answered before is the prompt of the next pass on the processor.
  const auto long_answer = Answers(*there.model, {prompts[2]}, 200)[0];
  ASSERT_EQ(long_answer.tokens.size(), 200u);
  for (const size_t step : {1u, 2u, 3u, 60u, 199u}) {
    std::vector<int32_t> history = prompts[2];
    history.insert(history.end(), long_answer.tokens.begin(), long_answer.tokens.begin() + static_cast<long>(step));
    const auto exact = Answers(*here.model, {history}, 1, {.cache_dtype = DType::kF32})[0];
    EXPECT_LE(Distance(long_answer.logits[step], exact.logits[0]), 0.03) << "step " << step;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, GpuWeights, testing::Values("bf16", "f16", "q8_0", "q4_0", "q4_1", "q4_k", "q6_k"),
                         [](const auto& test) { return std::string(test.param); });

// In f32 with a cache of f32: the same tokens, whatever the engine does.
TEST(GpuEngine, GivesTheTokensOfTheProcessorInCompanyInChunksAndWithGuesses) {
  const SmallModel here("f32", {.precision = ops::LinearPrecision::kExact});
  const SmallModel there("f32", kExactOnGpu);
  const std::vector<std::vector<int32_t>> prompts{Prompt(130, 7), Prompt(5, 3), Prompt(64, 11), Prompt(65, 1)};
  const auto wanted = Answers(*here.model, prompts, 80, {.cache_dtype = DType::kF32});
  const auto together = Answers(*there.model, prompts, 80);
  const auto in_chunks = Answers(*there.model, prompts, 80, {.chunk_tokens = 33});
  const auto guessed = Answers(*there.model, prompts, 80, {}, true);
  for (size_t i = 0; i < prompts.size(); ++i) {
    EXPECT_EQ(together[i].tokens, wanted[i].tokens) << "prompt " << i;
    EXPECT_EQ(in_chunks[i].tokens, wanted[i].tokens) << "prompt " << i;
    EXPECT_EQ(guessed[i].tokens, wanted[i].tokens) << "prompt " << i;
    EXPECT_EQ(Answers(*there.model, {prompts[i]}, 80)[0].tokens, wanted[i].tokens) << "prompt " << i << " alone";
  }
}

// Up to eight rows are multiplied by one kernel, and splits of keys depend on a sequence alone.
TEST(GpuEngine, AFewRowsHaveTheSameBitsAloneAndInCompany) {
  for (const char* type : {"bf16", "q4_0"}) {
    const SmallModel there(type, {.activations = DType::kBF16, .device = Device::kCuda});
    const std::vector<std::vector<int32_t>> prompts{Prompt(2, 7), Prompt(3, 3), Prompt(3, 11)};
    const auto together = Answers(*there.model, prompts, 300);
    for (size_t i = 0; i < prompts.size(); ++i) {
      const Answer alone = Answers(*there.model, {prompts[i]}, 300)[0];
      EXPECT_EQ(alone.tokens, together[i].tokens) << type << ", prompt " << i;
      EXPECT_EQ(alone.logits, together[i].logits) << type << ", prompt " << i;
    }
  }
}

}  // namespace
}  // namespace tessera::models
