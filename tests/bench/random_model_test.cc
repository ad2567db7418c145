#include "bench/random_model.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tessera/core/mapped_file.h"
#include "tessera/infer/engine.h"
#include "tessera/infer/loaded_model.h"
#include "tessera/infer/mixed_modal.h"
#include "tessera/infer/picture_cache.h"
#include "tessera/models/vision.h"
#include "tessera/weights/gguf.h"
#include "tessera/weights/gguf_vision.h"
#include "weights/temporary_folder.h"

namespace tessera::bench {
namespace {

// Qwen2's shape, small; rows of whole blocks of 256.
Json SmallConfig() {
  return {{"model_type", "qwen2"},       {"vocab_size", 1000},       {"hidden_size", 256},
          {"intermediate_size", 512},    {"num_hidden_layers", 2},   {"num_attention_heads", 4},
          {"num_key_value_heads", 2},    {"rms_norm_eps", 1e-6},     {"max_position_embeddings", 512},
          {"tie_word_embeddings", true}, {"bos_token_id", 3},        {"eos_token_id", 990},
          {"rope_theta", 1e6},           {"torch_dtype", "bfloat16"}};
}

// The logits after a prompt of 20 tokens.
std::vector<float> LogitsOf(const std::filesystem::path& model) {
  const infer::LoadedModel loaded = infer::Load(model.string());
  std::vector<float> logits;
  infer::Engine engine(*loaded.model, {.observe_logits = [&](infer::RequestId, int64_t, std::span<const float> row) {
    logits.assign(row.begin(), row.end());
  }});
  infer::Request request{.max_tokens = 1, .ignore_eos = true};
  for (int32_t i = 0; i < 20; ++i) request.prompt.push_back(7 * i);
  engine.Submit(std::move(request));
  while (!engine.idle()) engine.Step();
  return logits;
}

class RandomModel : public ::testing::TestWithParam<const char*> {};

TEST_P(RandomModel, LoadsAndGivesFiniteLogitsThatDiffer) {
  const TemporaryFolder folder;
  WriteRandomModel(SmallConfig(), folder / "model.gguf", {.type = GetParam()});
  const std::vector<float> logits = LogitsOf(folder / "model.gguf");
  ASSERT_EQ(logits.size(), 1000u);
  double sum = 0, squares = 0;
  for (const float logit : logits) {
    ASSERT_TRUE(std::isfinite(logit));
    sum += logit;
    squares += double{logit} * logit;
  }
  const double mean = sum / 1000, deviation = std::sqrt(squares / 1000 - mean * mean);
  // A normed row times embeddings of deviation 0.02: about 0.02 √256.
  EXPECT_GT(deviation, 0.1);
  EXPECT_LT(deviation, 1);
}

INSTANTIATE_TEST_SUITE_P(Types, RandomModel,
                         ::testing::Values("f32", "f16", "bf16", "q8_0", "q6_k", "q5_k", "q5_1", "q5_0", "q4_k_m",
                                           "q4_1", "q4_0", "iq4_nl", "iq4_xs", "q3_k", "q2_k"));

TEST(RandomModel, OfPlainTypeIsADirectoryThatLoads) {
  const TemporaryFolder folder;
  WriteRandomModel(SmallConfig(), folder / "model", {.type = "bf16"});
  for (const float logit : LogitsOf(folder / "model")) ASSERT_TRUE(std::isfinite(logit));
}

TEST(RandomModel, HasTheSameBytesForTheSameSeed) {
  const TemporaryFolder folder;
  for (const char* name : {"a.gguf", "b.gguf", "c.gguf"})
    WriteRandomModel(SmallConfig(), folder / name, {.seed = *name == 'c' ? 2u : 1u});
  const auto bytes = [&](const char* name) {
    std::string all = ReadFile(folder / name, 1 << 24);
    return all.substr(all.size() / 2);  // the name of the file stands in the first half
  };
  EXPECT_EQ(bytes("a.gguf"), bytes("b.gguf"));
  EXPECT_NE(bytes("a.gguf"), bytes("c.gguf"));
}

TEST(RandomModel, SpellsAnyTextWithItsMadeUpVocabulary) {
  const TemporaryFolder folder;
  WriteRandomModel(SmallConfig(), folder / "model.gguf");
  const infer::LoadedModel loaded = infer::Load((folder / "model.gguf").string());
  const std::string text = "Grüße, \n\t 世界 1234!";
  EXPECT_EQ(loaded.tokenizer->Decode(loaded.tokenizer->Encode(text)), text);
}

TEST(RandomModel, OfMoonlightsShapeStacksItsExperts) {
  const TemporaryFolder folder;
  const Json config = {{"model_type", "deepseek_v3"},
                       {"vocab_size", 1000},
                       {"hidden_size", 256},
                       {"intermediate_size", 512},
                       {"moe_intermediate_size", 256},
                       {"num_hidden_layers", 3},
                       {"num_attention_heads", 4},
                       {"kv_lora_rank", 64},
                       {"qk_nope_head_dim", 32},
                       {"qk_rope_head_dim", 16},
                       {"v_head_dim", 32},
                       {"first_k_dense_replace", 1},
                       {"n_routed_experts", 8},
                       {"n_shared_experts", 2},
                       {"num_experts_per_tok", 3},
                       {"max_position_embeddings", 512},
                       {"rope_theta", 5e4}};
  WriteRandomModel(config, folder / "model.gguf");
  const auto file = weights::GgufFile::Open(folder / "model.gguf");
  EXPECT_EQ(file.Get("blk.1.ffn_up_exps.weight").shape(), (Shape{8, 256, 256}));
  EXPECT_EQ(file.Get("blk.2.attn_k_b.weight").shape(), (Shape{4, 64, 32}));
  EXPECT_TRUE(file.Has("blk.0.ffn_up.weight"));
}

// The shape of SmallConfig with a small tower of Qwen2-VL.
Json SmallSeeingConfig() {
  Json config = SmallConfig();
  config.update({{"model_type", "qwen2_vl"},
                 {"vision_start_token_id", 995},
                 {"vision_end_token_id", 996},
                 {"image_token_id", 997},
                 {"video_token_id", 998},
                 {"rope_scaling", {{"type", "mrope"}, {"mrope_section", {8, 12, 12}}}},
                 {"vision_config",
                  {{"depth", 2},
                   {"num_heads", 4},
                   {"in_chans", 3},
                   {"patch_size", 14},
                   {"spatial_merge_size", 2},
                   {"temporal_patch_size", 2},
                   {"embed_dim", 64},
                   {"mlp_ratio", 4}}}});
  return config;
}

TEST(RandomModel, OfQwenVlSeesAPictureInItsPrompt) {
  const TemporaryFolder folder;
  Json config = SmallSeeingConfig();
  const Json common = {{"depth", 2},       {"num_heads", 4},          {"in_chans", 3},
                       {"patch_size", 14}, {"spatial_merge_size", 2}, {"temporal_patch_size", 2}};
  for (const char* type : {"qwen2_vl", "qwen2_5_vl"}) {
    SCOPED_TRACE(type);
    config["model_type"] = type;
    config["vision_config"] = common;
    config["vision_config"].update(type == std::string("qwen2_vl")
                                       ? Json{{"embed_dim", 64}, {"mlp_ratio", 4}}
                                       : Json{{"hidden_size", 64}, {"intermediate_size", 96}, {"window_size", 56}});
    WriteRandomModel(config, folder / type, {.type = "bf16"});
    WriteRandomModel(config, folder / (type + std::string(".gguf")));
    for (const char* suffix : {"", ".gguf"}) {
      const infer::LoadedModel loaded = infer::Load((folder / (type + std::string(suffix))).string());
      infer::PictureCache cache;
      const Tensor picture = Tensor::Full({60, 90, 3}, 77, DType::kU8);
      const auto prompt = infer::ShowPictures(
          *loaded.model, loaded.tokenizer->Encode("<|vision_start|><|image_pad|><|vision_end|>What?"),
          {cache.Encode(*loaded.model->vision(), picture)});
      EXPECT_EQ(std::ranges::count(prompt.tokens, 997), 2 * 3) << suffix;
      for (const float value : prompt.vision.features[0].features.data<float>()) ASSERT_TRUE(std::isfinite(value));
    }
  }
}

TEST(RandomModel, PutsTheVisionPartIntoAFileOfItsOwn) {
  const TemporaryFolder folder;
  WriteRandomModel(SmallSeeingConfig(), folder / "model.gguf", {.mmproj = folder / "mmproj.gguf"});
  const auto text = weights::GgufFile::Open(folder / "model.gguf");
  const auto vision = weights::GgufFile::Open(folder / "mmproj.gguf");
  EXPECT_FALSE(weights::HasVision(text));
  EXPECT_TRUE(weights::HasVision(vision));
  EXPECT_FALSE(vision.Has("token_embd.weight"));
  const infer::LoadedModel loaded = infer::Load((folder / "model.gguf").string(), {}, {}, folder / "mmproj.gguf");
  infer::PictureCache cache;
  const auto features = cache.Encode(*loaded.model->vision(), Tensor::Full({60, 90, 3}, 77, DType::kU8));
  const auto prompt = infer::ShowPictures(
      *loaded.model, loaded.tokenizer->Encode("<|vision_start|><|image_pad|><|vision_end|>What?"), {features});
  EXPECT_EQ(std::ranges::count(prompt.tokens, 997), 2 * 3);
}

TEST(RandomModel, WithoutAVisionPartHasNoSecondFile) {
  const TemporaryFolder folder;
  EXPECT_THROW(WriteRandomModel(SmallConfig(), folder / "model.gguf", {.mmproj = folder / "mmproj.gguf"}), Error);
  EXPECT_THROW(WriteRandomModel(SmallSeeingConfig(), folder / "model", {.type = "bf16", .mmproj = folder / "m.gguf"}),
               Error);
  EXPECT_FALSE(std::filesystem::exists(folder / "model.gguf"));
  EXPECT_FALSE(std::filesystem::exists(folder / "model"));
}

TEST(RandomModel, OfKimiVlIsOneFileThatSees) {
  const TemporaryFolder folder;
  Json config = ParseJson(ReadFile(TESSERA_TEST_DATA "/kimi_vl_fp32/config.json", 1 << 20), "config.json");
  config["text_config"].update({{"hidden_size", 256}, {"moe_intermediate_size", 256}, {"kv_lora_rank", 64}});
  WriteRandomModel(config, folder / "model.gguf");
  EXPECT_THROW(WriteRandomModel(config, folder / "directory", {.type = "bf16"}), Error);
  const infer::LoadedModel loaded = infer::Load((folder / "model.gguf").string());
  EXPECT_EQ(loaded.model->summary().family, "kimi_vl");
  infer::PictureCache cache;
  const auto prompt =
      infer::ShowPictures(*loaded.model, loaded.tokenizer->Encode("<|media_pad|>What?"),
                          {cache.Encode(*loaded.model->vision(), Tensor::Full({60, 90, 3}, 77, DType::kU8))});
  EXPECT_EQ(std::ranges::count(prompt.tokens, 405), 3 * 4);
  for (const float value : prompt.vision.features[0].features.data<float>()) ASSERT_TRUE(std::isfinite(value));
}

TEST(RandomModel, OfChameleonReadsAndDraws) {
  const TemporaryFolder folder;
  const Json config = {{"model_type", "chameleon"},
                       {"vocab_size", 1000},
                       {"hidden_size", 64},
                       {"intermediate_size", 96},
                       {"num_hidden_layers", 2},
                       {"num_attention_heads", 4},
                       {"max_position_embeddings", 512},
                       {"bos_token_id", 0},
                       {"eos_token_id", 2},
                       {"end_image_token_id", 133},
                       {"begin_image_token_id", 134},
                       {"end_turn_token_id", 135},
                       {"image_token_id", 136},
                       {"vq_config",
                        {{"base_channels", 32},
                         {"channel_multiplier", {1, 2}},
                         {"num_res_blocks", 1},
                         {"latent_channels", 16},
                         {"embed_dim", 16},
                         {"num_embeddings", 128},
                         {"resolution", 16}}}};
  WriteRandomModel(config, folder / "model", {.type = "bf16"});
  WriteRandomModel(config, folder / "one.gguf", {.type = "q4_0"});
  for (const char* name : {"model", "one.gguf"}) {
    SCOPED_TRACE(name);
    const infer::LoadedModel loaded = infer::Load((folder / name).string());
    infer::Engine engine(*loaded.model, {.cache_tokens = 1536});
    infer::MixedRequest request{.prompt = infer::ChatPrompt(loaded, {{{"role", "user"}, {"content", "Draw"}}}),
                                .form = infer::MixedRequest::Form::kPicture};
    EXPECT_EQ(request.prompt.front(), 0);
    EXPECT_EQ(request.prompt.back(), 135);
    const infer::MixedAnswer answer = infer::GenerateMixed(engine, *loaded.model, *loaded.tokenizer, request, {});
    ASSERT_EQ(answer.pictures.size(), 1u);
    EXPECT_EQ(answer.pictures[0].ids.size(), 64u);
    EXPECT_EQ(answer.pictures[0].pixels.shape(), (Shape{16, 16, 3}));
    EXPECT_EQ(loaded.model->vision()->Expansion(loaded.model->vision()->Prepare(answer.pictures[0].pixels)).size(),
              66u);
  }
}

TEST(RandomModel, RefusesBlocksInSafetensors) {
  const TemporaryFolder folder;
  EXPECT_THROW(WriteRandomModel(SmallConfig(), folder / "model", {.type = "q4_0"}), Error);
}

}  // namespace
}  // namespace tessera::bench
