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

Tensor LogitsAs(const char* recipe, const Golden& golden, const Tensor& input_ids) {
  const TemporaryFolder folder;
  weights::QuantizeModel(golden.checkpoint.path(), folder / "model.gguf", {.recipe = weights::RecipeFromName(recipe)});
  const auto checkpoint = weights::Checkpoint::Open(folder / "model.gguf");
  return LogitsOf(*LoadModel(checkpoint), input_ids);
}

class GgufModel : public testing::TestWithParam<const char*> {};

TEST_P(GgufModel, InF32MatchesTheGolden) {
  const Golden golden(GetParam());
  EXPECT_LE(MaxDifference(LogitsAs("f32", golden, golden["input_ids"]), golden["logits"]), 2e-4f);
}

TEST_P(GgufModel, FewerBitsAreFartherFromTheGolden) {
  const Golden golden(GetParam());
  const auto error = [&](const char* recipe) {
    return RelativeError(LogitsAs(recipe, golden, golden["input_ids"]), golden["logits"]);
  };
  const double f16 = error("f16"), q8_0 = error("q8_0"), q4_0 = error("q4_0");
  EXPECT_LT(f16, q8_0);
  EXPECT_LT(q8_0, q4_0);
}

// GGUF has no dynamic rope scaling, which changes nothing up to the trained context. This case has biases everywhere.
TEST(GgufModelWithDynamicScaling, IsExactUpToTheTrainedContext) {
  const Golden golden("llama_biases_dynamic_fp32");
  const Tensor ids = golden["input_ids"].Slice(1, 0, 16).Contiguous();
  EXPECT_LE(MaxDifference(LogitsAs("f32", golden, ids), LogitsOf(*golden.Load(), ids)), 2e-5f);
}

INSTANTIATE_TEST_SUITE_P(Cases, GgufModel,
                         testing::Values("llama_smollm2_fp32", "llama_llama3rope_bf16_sharded", "qwen2_base_bf16"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace tessera::models
