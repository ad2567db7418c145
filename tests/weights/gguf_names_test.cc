#include "tessera/weights/gguf_names.h"

#include <gtest/gtest.h>

#include <functional>

#include "tessera/core/error.h"
#include "tessera/weights/checkpoint.h"
#include "tessera/weights/gguf_writer.h"
#include "tests/weights/temporary_folder.h"

namespace tessera::weights {
namespace {

// The config of a file with what `fill` puts in and the tensors named, each [4, 4] f32.
Json ConfigOf(const std::function<void(GgufWriter&)>& fill, const std::vector<std::string>& names) {
  TemporaryFolder folder;
  GgufWriter writer(folder / "f.gguf");
  fill(writer);
  for (const std::string& name : names) writer.Declare(name, {4, 4}, DType::kF32);
  for (size_t i = 0; i < names.size(); ++i) writer.Write(Tensor::Full({4, 4}, 2));
  writer.Finish();
  return Checkpoint::Open(folder / "f.gguf").config();
}

TEST(ConfigFromGguf, RopeScalingRulesAreCarriedOver) {
  const Json yarn = ConfigOf(
      [](GgufWriter& writer) {
        writer.Set("general.architecture", "qwen2");
        writer.Set("qwen2.rope.freq_base", 1e6f);
        writer.Set("qwen2.rope.scaling.type", "yarn");
        writer.Set("qwen2.rope.scaling.factor", 4.0f);
        writer.Set("qwen2.rope.scaling.original_context_length", uint32_t{32768});
      },
      {"token_embd.weight", "output.weight", "blk.0.attn_q.bias"});
  EXPECT_EQ(yarn["rope_parameters"]["rope_type"], "yarn");
  EXPECT_EQ(yarn["rope_parameters"]["factor"], 4);
  EXPECT_EQ(yarn["rope_parameters"]["original_max_position_embeddings"], 32768);
  EXPECT_EQ(yarn["tessera_rope_layout"], "halves");
  EXPECT_EQ(yarn["tie_word_embeddings"], false);
  EXPECT_EQ(yarn["attention_bias"], true);
  const Json linear = ConfigOf(
      [](GgufWriter& writer) {
        writer.Set("general.architecture", "llama");
        writer.Set("llama.rope.scale_linear", 8.0f);
      },
      {});
  EXPECT_EQ(linear["rope_parameters"]["rope_type"], "linear");
  EXPECT_EQ(linear["rope_parameters"]["factor"], 8);
}

TEST(ConfigFromGguf, FrequencyFactorsComeFromTheirTensor) {
  const Json config = ConfigOf([](GgufWriter& writer) { writer.Set("general.architecture", "llama"); },
                               {"token_embd.weight", "rope_freqs.weight"});
  EXPECT_EQ(config["rope_parameters"]["rope_type"], "factors");
  EXPECT_EQ(config["rope_parameters"]["factors"].size(), 16u);
  EXPECT_EQ(config["rope_parameters"]["factors"][3], 2);
  EXPECT_EQ(config["vocab_size"], 4);
  EXPECT_EQ(config["tie_word_embeddings"], true);
}

TEST(ConfigFromGguf, KeysOfTheWrongKindAreErrors) {
  EXPECT_THROW(ConfigOf([](GgufWriter&) {}, {}), Error);
  EXPECT_THROW(ConfigOf([](GgufWriter& writer) { writer.Set("general.architecture", uint32_t{1}); }, {}), Error);
  EXPECT_THROW(ConfigOf(
                   [](GgufWriter& writer) {
                     writer.Set("general.architecture", "llama");
                     writer.Set("llama.block_count", "many");
                   },
                   {}),
               Error);
}

TEST(ConfigFromGguf, OtherArchitecturesKeepTheirNames) {
  TemporaryFolder folder;
  GgufWriter writer(folder / "f.gguf");
  writer.Set("general.architecture", "mamba");
  writer.Declare("token_embd.weight", {2}, DType::kF32);
  writer.Write(Tensor::Zeros({2}));
  writer.Finish();
  EXPECT_TRUE(Checkpoint::Open(folder / "f.gguf").Has("token_embd.weight"));
}

}  // namespace
}  // namespace tessera::weights
