// A checkpoint that was written as GGUF computes what the checkpoint computes.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "models/golden.h"
#include "tessera/models/padded_batch.h"
#include "tessera/ops/view.h"
#include "tessera/weights/gguf_names.h"
#include "tessera/weights/gguf_writer.h"
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

// Rows of 48 and 28 hold no block, so every recipe would store them alike.
TEST(GgufModelWithGroupsOfExperts, InF32MatchesTheGolden) {
  const Golden golden("deepseek_groups_qlora_bf16_sharded");
  EXPECT_LE(MaxDifference(LogitsAs("f32", golden, golden["input_ids"]), golden["logits"]), 2e-4f);
}

// The golden mixture of experts as converters write it: a layer's experts in one tensor; and k and v of each head in
// one tensor, or apart as attention over latents wants them.
void WriteDeepseek2(const std::filesystem::path& path, const Golden& golden, bool apart) {
  const Json& c = golden.checkpoint.config();
  const auto size = [&](const char* key) { return c[key].get<int64_t>(); };
  const int64_t E = size("n_routed_experts"), H = size("num_attention_heads"), N = size("qk_nope_head_dim"),
                V = size("v_head_dim"), R = size("kv_lora_rank");
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const weights::TensorInfo& info : golden.checkpoint.tensors()) {
    const size_t expert = info.name.find(".experts.0.");
    Tensor value = golden.checkpoint.Get(info.name);
    std::string name = info.name;
    if (expert != std::string::npos) {
      std::vector<Tensor> parts;
      for (int64_t e = 0; e < E; ++e) {
        name = info.name;
        parts.push_back(golden.checkpoint.Get(name.replace(expert, 11, fmt::format(".experts.{}.", e))));
      }
      value = ops::Concat(parts, 0).Reshape({E, value.dim(0), value.dim(1)});
      name = info.name;
      name.replace(expert, 11, ".experts.");
    } else if (info.name.find(".experts.") != std::string::npos) {
      continue;
    }
    if (const size_t at = name.find("kv_b_proj"); apart && at != std::string::npos) {
      const Tensor heads = value.Reshape({H, N + V, R});
      tensors.emplace_back(weights::NameToGguf(std::string(name).replace(at, 9, "k_b_proj")),
                           ops::Transpose(ops::Slice(heads, 1, 0, N), 1, 2));
      name.replace(at, 9, "v_b_proj");
      value = ops::Slice(heads, 1, N, N + V);
    }
    tensors.emplace_back(weights::NameToGguf(name), value);
  }
  weights::GgufWriter writer(path);
  const auto set = [&](const std::string& key, const auto& value) { writer.Set("deepseek2." + key, value); };
  const auto copy = [&](const std::string& key, const char* from) { set(key, static_cast<uint32_t>(size(from))); };
  writer.Set("general.architecture", std::string("deepseek2"));
  copy("block_count", "num_hidden_layers"), copy("embedding_length", "hidden_size");
  copy("feed_forward_length", "intermediate_size"), copy("attention.head_count", "num_attention_heads");
  set("attention.head_count_kv", apart ? uint32_t{1} : static_cast<uint32_t>(H));
  copy("attention.kv_lora_rank", "kv_lora_rank"), copy("rope.dimension_count", "qk_rope_head_dim");
  set(apart ? "attention.key_length_mla" : "attention.key_length", static_cast<uint32_t>(N + size("qk_rope_head_dim")));
  set(apart ? "attention.value_length_mla" : "attention.value_length", static_cast<uint32_t>(V));
  set("attention.layer_norm_rms_epsilon", 1e-5f), set("rope.freq_base", 50000.0f);
  copy("leading_dense_block_count", "first_k_dense_replace"), copy("expert_count", "n_routed_experts");
  copy("expert_used_count", "num_experts_per_tok"), copy("expert_shared_count", "n_shared_experts");
  copy("expert_feed_forward_length", "moe_intermediate_size"), set("expert_weights_scale", 2.446f);
  set("expert_weights_norm", true), set("expert_gating_func", uint32_t{2});
  for (const auto& [name, value] : tensors) writer.Declare(name, value.shape(), value.dtype());
  for (const auto& [name, value] : tensors) writer.Write(value);
  writer.Finish();
}

TEST(GgufModelWithExperts, MatchesTheGolden) {
  const Golden golden("moonlight_moe_fp32");
  for (const bool apart : {false, true}) {
    const TemporaryFolder folder;
    WriteDeepseek2(folder / "model.gguf", golden, apart);
    const auto checkpoint = weights::Checkpoint::Open(folder / "model.gguf");
    EXPECT_FALSE(checkpoint.Has("model.layers.1.mlp.experts.8.up_proj.weight"));
    EXPECT_LE(MaxDifference(LogitsOf(*LoadModel(checkpoint), golden["input_ids"]), golden["logits"]), 2e-4f) << apart;
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, GgufModel,
                         testing::Values("llama_smollm2_fp32", "llama_llama3rope_bf16_sharded", "qwen2_base_bf16",
                                         "moonlight_moe_fp32"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace tessera::models
