// A checkpoint that was written as GGUF computes what the checkpoint computes.

#include <gtest/gtest.h>

#include "models/golden.h"
#include "tessera/models/padded_batch.h"
#include "tessera/weights/quantize_model.h"
#include "weights/temporary_folder.h"

namespace tessera::models {
namespace {

Tensor LogitsOf(const LanguageModel& model, const Tensor& input_ids) {
  const auto results = RunForward(model, {.input_ids = input_ids});
  const auto logits = std::ranges::find(results, "logits", &NamedTensors::value_type::first);
  return logits->second;
}

Tensor LogitsAs(const char* recipe, const Golden& golden) {
  const TemporaryFolder folder;
  weights::QuantizeModel(golden.checkpoint.path(), folder / "model.gguf", {.recipe = weights::RecipeFromName(recipe)});
  const auto checkpoint = weights::Checkpoint::Open(folder / "model.gguf");
  return LogitsOf(*LoadModel(checkpoint), golden["input_ids"]);
}

class GgufModel : public testing::TestWithParam<const char*> {};

TEST_P(GgufModel, InF32MatchesTheGolden) {
  const Golden golden(GetParam());
  EXPECT_LE(MaxDifference(LogitsAs("f32", golden), golden["logits"]), 2e-4f);
}

TEST_P(GgufModel, InQ8_0StaysNearTheGolden) {
  const Golden golden(GetParam());
  EXPECT_LE(MaxDifference(LogitsAs("q8_0", golden), golden["logits"]), 0.1f * MaxAbs(golden["logits"]));
}

INSTANTIATE_TEST_SUITE_P(Cases, GgufModel,
                         testing::Values("llama_smollm2_fp32", "llama_llama3rope_bf16_sharded", "qwen2_base_bf16",
                                         "llama_biases_dynamic_fp32"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace tessera::models
