// Checkpoints made by other programs.

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "tessera/core/json.h"
#include "tessera/weights/catalogue.h"
#include "tessera/weights/checkpoint.h"
#include "tessera/weights/gguf_names.h"
#include "tessera/weights/pull.h"
#include "tessera/weights/quantize_model.h"
#include "tessera/weights/safetensors.h"
#include "tessera/weights/summary.h"
#include "tests/weights/temporary_folder.h"

namespace tessera::weights {
namespace {

Json ReadGolden(const std::string& name) {
  const std::string path = TESSERA_TEST_DATA "/" + name;
  return ParseJson(ReadFile(path, 1 << 20), path);
}

TEST(GoldenCheckpoint, ShardedDirectoryHasEveryTensorOfItsIndex) {
  const std::string directory = TESSERA_TEST_DATA "/llama_llama3rope_bf16_sharded";
  const Checkpoint checkpoint = Checkpoint::Open(directory);
  const Json index = ReadGolden("llama_llama3rope_bf16_sharded/model.safetensors.index.json");
  EXPECT_EQ(checkpoint.tensors().size(), index["weight_map"].size());
  for (const auto& [name, file] : index["weight_map"].items()) {
    EXPECT_TRUE(checkpoint.Has(name)) << name;
    EXPECT_EQ(checkpoint.Get(name).dtype(), DType::kBF16) << name;
  }
  const Summary summary = Summarize(checkpoint);
  EXPECT_EQ(summary.parameters, index["metadata"]["total_parameters"]);
  EXPECT_EQ(summary.bytes, index["metadata"]["total_size"]);
  EXPECT_EQ(checkpoint.config()["rope_parameters"]["rope_type"], "llama3");
  // 3 layers, 2 key/value heads of 16, keys and values, 10 tokens, 4 bytes.
  EXPECT_EQ(summary.CacheBytes(10, 4), 3 * 2 * 16 * 2 * 10 * 4);
}

TEST(GoldenCheckpoint, ConfigOfTheOlderStyleReadsLikeTheNewer) {
  const Checkpoint checkpoint = Checkpoint::Open(TESSERA_TEST_DATA "/qwen2_base_bf16");
  EXPECT_EQ(checkpoint.config()["rope_parameters"]["rope_theta"], 1e6);
  EXPECT_EQ(checkpoint.config()["rope_parameters"]["rope_type"], "default");
  EXPECT_EQ(checkpoint.config()["dtype"], "bfloat16");
  EXPECT_EQ(checkpoint.generation_config()["eos_token_id"], 2);
}

TEST(GoldenCheckpoint, ShardThatShrinksWhileMappedIsReported) {
  TemporaryFolder folder;
  std::filesystem::copy(TESSERA_TEST_DATA "/llama_llama3rope_bf16_sharded", folder / "m");
  const Checkpoint checkpoint = Checkpoint::Open(folder / "m");
  EXPECT_NO_THROW(checkpoint.RequireIntact());
  std::filesystem::resize_file(folder / "m" / "model-00003-of-00007.safetensors", 5000);
  EXPECT_THROW(checkpoint.RequireIntact(), Error);
}

// After every byte of the header, and at a thousand places of the values.
std::vector<size_t> PlacesToCut(size_t header, size_t size) {
  std::vector<size_t> places;
  for (size_t n = 0; n < header; ++n) places.push_back(n);
  for (size_t i = 0; i < 1000; ++i) places.push_back(header + (size - header) * i / 1000);
  return places;
}

TEST(GoldenCheckpoint, CutAnywhereItIsAnError) {
  const std::string bytes = ReadFile(TESSERA_TEST_DATA "/llama_smollm2_fp32/model.safetensors", 1 << 20);
  uint64_t header = 0;
  std::memcpy(&header, bytes.data(), 8);
  for (const size_t n : PlacesToCut(8 + header, bytes.size()))
    EXPECT_THROW(ParseSafetensorsHeader(bytes.substr(0, n), static_cast<int64_t>(n), "f"), Error) << n;
}

TEST(GoldenCheckpoint, WrittenAsGgufAndCutAnywhereItIsAnError) {
  const TemporaryFolder folder;
  QuantizeModel(TESSERA_TEST_DATA "/llama_smollm2_fp32", folder / "m.gguf", {.recipe = RecipeFromName("q8_0")});
  const std::string bytes = ReadFile(folder / "m.gguf", 1 << 20);
  const auto whole = ParseGgufHeader(bytes, static_cast<int64_t>(bytes.size()), "f");
  for (const size_t n : PlacesToCut(static_cast<size_t>(whole.data_begin), bytes.size()))
    EXPECT_THROW(ParseGgufHeader(bytes.substr(0, n), static_cast<int64_t>(n), "f"), Error) << n;
}

class SmolLm2Checkpoint : public testing::Test {
 protected:
  const CatalogueEntry& entry = *FindInCatalogue("smollm2");
  void SetUp() override {
    if (!IsPulled(entry)) GTEST_SKIP() << "the file is not here; get it with: tessera pull smollm2";
  }
};

TEST_F(SmolLm2Checkpoint, HasTheTensorsThatAnotherReaderFound) {
  const Checkpoint checkpoint = Checkpoint::Open(CataloguePath(entry));
  const Json golden = ReadGolden("smollm2/tensors.json");
  ASSERT_EQ(checkpoint.gguf()->tensors().size(), golden.size());
  const int64_t data_begin = checkpoint.gguf()->tensors()[0].begin - golden[0]["offset"].get<int64_t>();
  for (size_t i = 0; i < golden.size(); ++i) {
    const TensorInfo& info = checkpoint.gguf()->tensors()[i];
    EXPECT_EQ(info.name, golden[i]["name"]);
    EXPECT_EQ(std::vector<int64_t>(info.shape.dims().rbegin(), info.shape.dims().rend()),
              golden[i]["ne"].get<std::vector<int64_t>>());
    EXPECT_EQ(info.dtype, DTypeFromName(golden[i]["type"].get<std::string>()));
    EXPECT_EQ(info.bytes, golden[i]["bytes"]);
    EXPECT_EQ(info.begin - data_begin, golden[i]["offset"]);
    EXPECT_TRUE(checkpoint.Has(NameFromGguf(info.name)));
  }
}

TEST_F(SmolLm2Checkpoint, ConfigIsTheOneTheModelWasPublishedWith) {
  const Checkpoint checkpoint = Checkpoint::Open(CataloguePath(entry));
  const Json& config = checkpoint.config();
  EXPECT_EQ(config["model_type"], "llama");
  EXPECT_EQ(config["hidden_size"], 576);
  EXPECT_EQ(config["num_hidden_layers"], 30);
  EXPECT_EQ(config["num_attention_heads"], 9);
  EXPECT_EQ(config["num_key_value_heads"], 3);
  EXPECT_EQ(config["head_dim"], 64);
  EXPECT_EQ(config["intermediate_size"], 1536);
  EXPECT_EQ(config["rms_norm_eps"], 1e-5);
  EXPECT_EQ(config["rope_parameters"]["rope_theta"], 1e5);
  EXPECT_EQ(config["vocab_size"], 49152);
  EXPECT_EQ(config["max_position_embeddings"], 8192);
  EXPECT_EQ(config["tie_word_embeddings"], true);
  EXPECT_EQ(config["tessera_rope_layout"], "pairs");
}

TEST_F(SmolLm2Checkpoint, IsTheFileThatTheGoldensWereMadeWith) {
  const Json golden = ReadGolden("smollm2/model.json");
  EXPECT_EQ(entry.sha256, golden["sha256"].get<std::string>());
  EXPECT_EQ(entry.package, golden["package"].get<std::string>());
  EXPECT_EQ(entry.member, golden["path_in_wheel"].get<std::string>());
  EXPECT_NO_THROW(Verify(entry, CataloguePath(entry)));
}

TEST(Summary, LatentAttentionKeepsLatentsNotHeads) {
  const Summary summary = Summarize(Checkpoint::Open(std::string(TESSERA_TEST_DATA) + "/moonlight_moe_fp32"));
  EXPECT_EQ(summary.latent, 24);
  EXPECT_EQ(summary.CacheBytes(10, 4), 3 * 10 * (24 + 8) * 4);  // layers · tokens · values · bytes
}

}  // namespace
}  // namespace tessera::weights
