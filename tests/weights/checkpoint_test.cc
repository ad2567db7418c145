#include "tessera/weights/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tessera/weights/gguf_names.h"
#include "tessera/weights/safetensors.h"
#include "tests/weights/temporary_folder.h"

namespace tessera::weights {
namespace {

void WriteText(const std::filesystem::path& path, std::string_view text) { std::ofstream(path) << text; }

TEST(Checkpoint, DirectoryWithOneFileGivesTensorsAndConfigs) {
  TemporaryFolder folder;
  WriteSafetensors(folder / "model.safetensors", {{"model.norm.weight", Tensor::From<float>({1, 2}, {2})}});
  WriteText(folder / "config.json", R"({"model_type": "llama", "hidden_size": 2})");
  WriteText(folder / "generation_config.json", R"({"eos_token_id": [2, 7]})");
  const Checkpoint checkpoint = Checkpoint::Open(folder.path());
  EXPECT_EQ(checkpoint.config()["hidden_size"], 2);
  EXPECT_EQ(checkpoint.generation_config()["eos_token_id"][1], 7);
  EXPECT_EQ(checkpoint.Get("model.norm.weight").data<float>()[1], 2);
  EXPECT_FALSE(checkpoint.Find("lm_head.weight").defined());
  EXPECT_THROW(checkpoint.Get("lm_head.weight"), Error);
  EXPECT_EQ(checkpoint.SideFile("tokenizer.json"), "");
  EXPECT_EQ(checkpoint.format(), "safetensors");
}

TEST(Checkpoint, ShardsAreFoundThroughTheIndex) {
  TemporaryFolder folder;
  WriteSafetensors(folder / "a.safetensors", {{"x", Tensor::Scalar(1.0f)}});
  WriteSafetensors(folder / "b.safetensors", {{"y", Tensor::Scalar(2.0f)}, {"x", Tensor::Scalar(3.0f)}});
  WriteText(folder / "model.safetensors.index.json", R"({"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}})");
  const Checkpoint checkpoint = Checkpoint::Open(folder.path());
  EXPECT_EQ(checkpoint.Get("x").item<float>(), 1);
  EXPECT_EQ(checkpoint.Get("y").item<float>(), 2);
  EXPECT_EQ(checkpoint.tensors().size(), 2u);
}

TEST(Checkpoint, IndexMayNotNameFilesElsewhereNorTensorsThatAreNotThere) {
  TemporaryFolder folder;
  WriteSafetensors(folder / "a.safetensors", {{"x", Tensor::Scalar(1.0f)}});
  for (const char* index : {R"({"weight_map": {"x": "../a.safetensors"}})", R"({"weight_map": {"x": "/etc/passwd"}})",
                            R"({"weight_map": {"y": "a.safetensors"}})", R"({"weight_map": {"x": 1}})",
                            R"({"weight_map": {"x": "c.safetensors"}})", R"({})", R"([])"}) {
    WriteText(folder / "model.safetensors.index.json", index);
    EXPECT_THROW(Checkpoint::Open(folder.path()), Error) << index;
  }
}

TEST(Checkpoint, EmptyDirectorySaysWhatItLooksFor) {
  TemporaryFolder folder;
  try {
    Checkpoint::Open(folder.path());
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("no model.safetensors"));
  }
}

TEST(GgufNames, TranslateBothWays) {
  for (const auto& [gguf, plain] : std::vector<std::pair<std::string, std::string>>{
           {"token_embd.weight", "model.embed_tokens.weight"},
           {"output_norm.weight", "model.norm.weight"},
           {"output.weight", "lm_head.weight"},
           {"blk.12.attn_q.bias", "model.layers.12.self_attn.q_proj.bias"},
           {"blk.0.attn_output.weight", "model.layers.0.self_attn.o_proj.weight"},
           {"blk.0.ffn_norm.weight", "model.layers.0.post_attention_layernorm.weight"},
           {"rope_freqs.weight", "rope_freqs.weight"},
           {"blk.0.other.weight", "blk.0.other.weight"}}) {
    EXPECT_EQ(NameFromGguf(gguf), plain);
    EXPECT_EQ(NameToGguf(plain), gguf);
  }
}

}  // namespace
}  // namespace tessera::weights
