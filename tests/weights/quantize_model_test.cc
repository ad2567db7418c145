#include "tessera/weights/quantize_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>

#include "tessera/core/random.h"
#include "tessera/weights/gguf_config.h"
#include "tessera/weights/quantize_blocks.h"
#include "tessera/weights/safetensors.h"
#include "weights/temporary_folder.h"

namespace tessera::weights {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr int64_t kHidden = 64, kFfn = 256, kHeads = 4, kKvHeads = 2, kHeadSize = 16, kVocab = 96;

Tensor Weights(const Shape& shape, uint64_t seed) {
  Tensor x = Tensor::Empty(shape);
  Random random(seed);
  for (float& value : x.mutable_data<float>()) value = 0.05f * static_cast<float>(random.Normal());
  return x;
}

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

NamedTensors ModelTensors(int layers) {
  NamedTensors tensors;
  const auto add = [&](std::string name, const Shape& shape) {
    tensors.emplace_back(std::move(name), Weights(shape, tensors.size() + 1));
  };
  add("model.embed_tokens.weight", {kVocab, kHidden});
  for (int i = 0; i < layers; ++i) {
    const std::string layer = fmt::format("model.layers.{}.", i);
    add(layer + "input_layernorm.weight", {kHidden});
    add(layer + "self_attn.q_proj.weight", {kHeads * kHeadSize, kHidden});
    add(layer + "self_attn.q_proj.bias", {kHeads * kHeadSize});
    add(layer + "self_attn.k_proj.weight", {kKvHeads * kHeadSize, kHidden});
    add(layer + "self_attn.v_proj.weight", {kKvHeads * kHeadSize, kHidden});
    add(layer + "self_attn.o_proj.weight", {kHidden, kHeads * kHeadSize});
    add(layer + "post_attention_layernorm.weight", {kHidden});
    add(layer + "mlp.gate_proj.weight", {kFfn, kHidden});
    add(layer + "mlp.up_proj.weight", {kFfn, kHidden});
    add(layer + "mlp.down_proj.weight", {kHidden, kFfn});
  }
  add("model.norm.weight", {kHidden});
  add("lm_head.weight", {kVocab, kHidden});
  return tensors;
}

Json ModelConfig(std::string_view type, int layers) {
  return {{"model_type", type},          {"hidden_size", kHidden},         {"intermediate_size", kFfn},
          {"num_hidden_layers", layers}, {"num_attention_heads", kHeads},  {"num_key_value_heads", kKvHeads},
          {"vocab_size", kVocab},        {"max_position_embeddings", 512}, {"rms_norm_eps", 1e-5},
          {"rope_theta", 50000.0},       {"hidden_act", "silu"},           {"tie_word_embeddings", false}};
}

// A Hugging Face directory in `folder`; returns its tensors.
NamedTensors WriteModel(const fs::path& folder, const Json& config) {
  fs::create_directories(folder);
  const NamedTensors tensors = ModelTensors(config["num_hidden_layers"].get<int>());
  WriteSafetensors(folder / "model.safetensors", tensors);
  std::ofstream(folder / "config.json") << config.dump(2);
  return tensors;
}

// The largest difference of two tensors, over the largest value of the first.
double Difference(const Tensor& a, const Tensor& b) {
  const Tensor x = Dequantize(a), y = Dequantize(b);
  double difference = 0, size = 0;
  for (size_t i = 0; i < x.data<float>().size(); ++i) {
    difference = std::max(difference, std::fabs(double{x.data<float>()[i]} - y.data<float>()[i]));
    size = std::max(size, std::fabs(double{x.data<float>()[i]}));
  }
  return difference / size;
}

// Row 2i + s of each head of a GGUF llama is row s·D/2 + i of the checkpoint.
Tensor InHalves(const Tensor& pairs) {
  const Tensor x = Dequantize(pairs);
  const int64_t width = x.rank() == 1 ? 1 : x.dim(1);
  Tensor result = Tensor::Empty(x.shape());
  for (int64_t row = 0; row < x.dim(0); ++row) {
    const int64_t head = row / kHeadSize, i = row % kHeadSize / 2, s = row % 2;
    std::memcpy(result.mutable_data<float>().data() + (head * kHeadSize + s * kHeadSize / 2 + i) * width,
                x.data<float>().data() + row * width, static_cast<size_t>(width) * sizeof(float));
  }
  return result;
}

bool IsPermuted(std::string_view name) {
  return name.find("q_proj") != std::string_view::npos || name.find("k_proj") != std::string_view::npos;
}

TEST(QuantizeModel, WritesEveryTensorOfALlamaUnderItsName) {
  const TemporaryFolder folder;
  const NamedTensors tensors = WriteModel(folder / "in", ModelConfig("llama", 2));
  QuantizeModel(folder / "in", folder / "f32.gguf", {.recipe = RecipeFromName("F32")});
  QuantizeModel(folder / "in", folder / "q8_0.gguf", {.recipe = RecipeFromName("q8_0")});
  const Checkpoint exact = Checkpoint::Open(folder / "f32.gguf"), rounded = Checkpoint::Open(folder / "q8_0.gguf");
  EXPECT_EQ(exact.tensors().size(), tensors.size());
  for (const auto& [name, values] : tensors) {
    ASSERT_TRUE(exact.Has(name)) << name;
    const auto stored = [&, &name = name](const Checkpoint& from) {
      return IsPermuted(name) ? InHalves(from.Get(name)) : from.Get(name);
    };
    EXPECT_EQ(Difference(values, stored(exact)), 0) << name;
    EXPECT_LE(Difference(values, stored(rounded)), 0.01) << name;
    EXPECT_EQ(rounded.Get(name).dtype(), values.rank() == 2 ? DType::kQ8_0 : DType::kF32) << name;
  }
}

TEST(QuantizeModel, KeepsTheConfig) {
  const TemporaryFolder folder;
  Json config = ModelConfig("llama", 1);
  config["head_dim"] = 16;
  WriteModel(folder / "in", config);
  QuantizeModel(folder / "in", folder / "out.gguf", {.recipe = RecipeFromName("f16")});
  const Json back = Checkpoint::Open(folder / "out.gguf").config();
  for (const char* key : {"model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
                          "num_key_value_heads", "vocab_size", "max_position_embeddings", "rms_norm_eps", "hidden_act",
                          "tie_word_embeddings", "head_dim"})
    EXPECT_EQ(back[key], config[key]) << key;
  EXPECT_EQ(back["rope_parameters"]["rope_theta"], 50000.0);
  EXPECT_EQ(back["tessera_rope_layout"], "pairs");
}

TEST(QuantizeModel, LeavesTheRowsOfAQwen2InPlace) {
  const TemporaryFolder folder;
  const NamedTensors tensors = WriteModel(folder / "in", ModelConfig("qwen2", 1));
  QuantizeModel(folder / "in", folder / "out.gguf", {.recipe = RecipeFromName("f32")});
  const Checkpoint out = Checkpoint::Open(folder / "out.gguf");
  for (const auto& [name, values] : tensors) EXPECT_EQ(Difference(values, out.Get(name)), 0) << name;
}

TEST(QuantizeModel, OfATiedModelDropsTheUnusedHead) {
  const TemporaryFolder folder;
  Json config = ModelConfig("llama", 1);
  config["tie_word_embeddings"] = true;
  WriteModel(folder / "in", config);
  QuantizeModel(folder / "in", folder / "out.gguf", {.recipe = RecipeFromName("q4_0")});
  const Checkpoint out = Checkpoint::Open(folder / "out.gguf");
  EXPECT_FALSE(out.Has("lm_head.weight"));
  EXPECT_EQ(out.Get("model.embed_tokens.weight").dtype(), DType::kQ8_0);  // q6_k does not fit rows of 64
}

TEST(QuantizeModel, TakesNullInTheConfigAsAbsent) {
  const TemporaryFolder folder;
  Json config = ModelConfig("qwen2", 1);
  for (const char* key : {"tie_word_embeddings", "rope_scaling", "head_dim", "use_sliding_window"})
    config[key] = nullptr;
  WriteModel(folder / "in", config);
  QuantizeModel(folder / "in", folder / "out.gguf", {.recipe = RecipeFromName("f16")});
  EXPECT_TRUE(Checkpoint::Open(folder / "out.gguf").Has("lm_head.weight"));
}

TEST(QuantizeModel, FromAGgufFileGivesWhatTheCheckpointGives) {
  const TemporaryFolder folder;
  WriteModel(folder / "in", ModelConfig("llama", 1));
  QuantizeModel(folder / "in", folder / "f32.gguf", {.recipe = RecipeFromName("f32")});
  QuantizeModel(folder / "in", folder / "direct.gguf", {.recipe = RecipeFromName("q4_k_m")});
  QuantizeModel(folder / "f32.gguf", folder / "twice.gguf", {.recipe = RecipeFromName("q4_k_m")});
  const Checkpoint direct = Checkpoint::Open(folder / "direct.gguf"), twice = Checkpoint::Open(folder / "twice.gguf");
  EXPECT_EQ(direct.config(), twice.config());
  for (const TensorInfo& info : direct.tensors()) {
    const Tensor a = direct.Get(info.name), b = twice.Get(info.name);
    ASSERT_EQ(a.dtype(), b.dtype()) << info.name;
    EXPECT_EQ(std::memcmp(a.raw(), b.raw(), static_cast<size_t>(a.bytes())), 0) << info.name;
  }
}

TEST(QuantizeModel, AgainInTheSameFormatCopiesTheBlocks) {
  const TemporaryFolder folder;
  WriteModel(folder / "in", ModelConfig("llama", 1));
  const Recipe recipe = RecipeFromName("q5_k_m");
  QuantizeModel(folder / "in", folder / "once.gguf", {.recipe = recipe});
  const QuantizeReport report = QuantizeModel(folder / "once.gguf", folder / "twice.gguf", {.recipe = recipe});
  EXPECT_TRUE(report.notes.empty());
  const auto bytes = [&](const char* name) { return ReadFile(folder / name, 1 << 24); };
  EXPECT_EQ(bytes("once.gguf"), bytes("twice.gguf"));
}

TEST(QuantizeModel, NotesThatBlocksAreRoundedAgain) {
  const TemporaryFolder folder;
  WriteModel(folder / "in", ModelConfig("llama", 1));
  QuantizeModel(folder / "in", folder / "once.gguf", {.recipe = RecipeFromName("q4_0")});
  const QuantizeReport report =
      QuantizeModel(folder / "once.gguf", folder / "twice.gguf", {.recipe = RecipeFromName("q5_1")});
  ASSERT_EQ(report.notes.size(), 1u);
  EXPECT_THAT(report.notes[0], HasSubstr("block formats already"));
}

TEST(QuantizeModel, ReportsProgressToTheLastValue) {
  const TemporaryFolder folder;
  WriteModel(folder / "in", ModelConfig("llama", 1));
  int64_t last = 0, all = 0;
  const auto on_progress = [&](int64_t done, int64_t total) {
    EXPECT_GE(done, last);
    last = done;
    all = total;
  };
  const QuantizeReport report =
      QuantizeModel(folder / "in", folder / "out.gguf", {.recipe = RecipeFromName("q8_0"), .on_progress = on_progress});
  EXPECT_EQ(last, all);
  EXPECT_EQ(all, report.values);
}

std::string MessageOf(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(QuantizeModel, RefusesToWriteOverItsInput) {
  const TemporaryFolder folder;
  WriteModel(folder / "in", ModelConfig("llama", 1));
  const QuantizeModelOptions options{.recipe = RecipeFromName("f32")};
  QuantizeModel(folder / "in", folder / "a.gguf", options);
  fs::create_symlink(folder / "a.gguf", folder / "b.gguf");
  EXPECT_THAT(MessageOf([&] { QuantizeModel(folder / "a.gguf", folder / "a.gguf", options); }),
              HasSubstr("both the input and the output"));
  EXPECT_THROW(QuantizeModel(folder / "a.gguf", folder / "b.gguf", options), Error);
  EXPECT_THROW(QuantizeModel(folder / "in", folder / "in" / "model.safetensors", options), Error);
  EXPECT_THROW(QuantizeModel(folder / "in", folder / "in", options), Error);
  EXPECT_NO_THROW(Checkpoint::Open(folder / "in"));
}

TEST(QuantizeModel, NamesTheTensorThatIsNotFiniteAndLeavesNothingBehind) {
  const TemporaryFolder folder;
  NamedTensors tensors = WriteModel(folder / "in", ModelConfig("llama", 1));
  Tensor broken = tensors[4].second.Clone();
  broken.mutable_data<float>()[100] = std::nanf("");
  tensors[4].second = broken;
  WriteSafetensors(folder / "in" / "model.safetensors", tensors);
  const std::string message =
      MessageOf([&] { QuantizeModel(folder / "in", folder / "out.gguf", {.recipe = RecipeFromName("q8_0")}); });
  EXPECT_THAT(message, HasSubstr("blk.0.attn_k.weight"));
  EXPECT_THAT(message, HasSubstr("nan"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1);  // "in" alone
}

TEST(QuantizeModel, RefusesWhatGgufCannotSay) {
  const TemporaryFolder folder;
  const auto message_of = [&](const Json& config) {
    WriteModel(folder / "in", config);
    return MessageOf([&] { QuantizeModel(folder / "in", folder / "out.gguf", {.recipe = RecipeFromName("f32")}); });
  };
  Json config = ModelConfig("gpt_neox", 1);
  EXPECT_THAT(message_of(config), HasSubstr("gpt_neox"));
  config = ModelConfig("llama", 1);
  config["hidden_act"] = "gelu";
  EXPECT_THAT(message_of(config), HasSubstr("gelu"));
  config = ModelConfig("llama", 1);
  config["rope_scaling"] = {{"rope_type", "longrope"}};
  EXPECT_THAT(message_of(config), HasSubstr("longrope"));
  config = ModelConfig("llama", 1);
  config.erase("hidden_size");
  EXPECT_THAT(message_of(config), HasSubstr("hidden_size"));
  EXPECT_FALSE(fs::exists(folder / "out.gguf"));
}

TEST(QuantizeModel, StoresRopeScaling) {
  const TemporaryFolder folder;
  const auto rope_of = [&](const Json& scaling) {
    Json config = ModelConfig("llama", 1);
    config["rope_scaling"] = scaling;
    WriteModel(folder / "in", config);
    QuantizeModel(folder / "in", folder / "out.gguf", {.recipe = RecipeFromName("f32")});
    return Checkpoint::Open(folder / "out.gguf").config()["rope_parameters"];
  };
  const Json linear = rope_of({{"type", "linear"}, {"factor", 2.5}});
  EXPECT_EQ(linear["rope_type"], "linear");
  EXPECT_EQ(linear["factor"], 2.5);
  const Json yarn = rope_of({{"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 128}});
  EXPECT_EQ(yarn["rope_type"], "yarn");
  EXPECT_EQ(yarn["original_max_position_embeddings"], 128);
  EXPECT_FALSE(yarn.contains("attention_factor"));
  const Json scaled = rope_of({{"rope_type", "yarn"}, {"factor", 4.0}, {"attention_factor", 1.25}});
  EXPECT_NEAR(scaled["attention_factor"].get<double>(), 1.25, 1e-6);
  const Json llama3 = rope_of({{"rope_type", "llama3"},
                               {"factor", 8.0},
                               {"low_freq_factor", 1.0},
                               {"high_freq_factor", 4.0},
                               {"original_max_position_embeddings", 64}});
  EXPECT_EQ(llama3["rope_type"], "factors");
  EXPECT_EQ(llama3["factors"].size(), 8u);
  EXPECT_EQ(llama3["factors"][0], 1.0);  // 64 / 2π = 10 turns, more than 4: kept
  EXPECT_EQ(llama3["factors"][7], 8.0);  // far fewer than one turn: stretched
}

// The latents that go into W_kvb go into attn_v_b, what a router sees into its experts; what no text calibrates is
// rounded by itself, and a note says so.
TEST(QuantizeModel, CalibratesLatentAttentionAndExpertsAndNamesWhatIsLeft) {
  const TemporaryFolder folder;
  constexpr int64_t H = 2, N = 32, P = 32, V = 32, R = 32;
  const std::string layer = "model.layers.0.";
  NamedTensors tensors = {{"model.embed_tokens.weight", Weights({kVocab, kHidden}, 1)},
                          {"model.norm.weight", Weights({kHidden}, 2)},
                          {"lm_head.weight", Weights({kVocab, kHidden}, 3)},
                          {layer + "self_attn.q_proj.weight", Weights({H * (N + P), kHidden}, 4)},
                          {layer + "self_attn.kv_b_proj.weight", Weights({H * (N + V), R}, 5)}};
  tensors.emplace_back(layer + "mlp.gate.weight", Weights({2, kHidden}, 8));
  for (int e = 0; e < 2; ++e) {
    tensors.emplace_back(fmt::format("{}mlp.experts.{}.up_proj.weight", layer, e), Weights({kFfn, kHidden}, 6));
    tensors.emplace_back(fmt::format("{}mlp.experts.{}.down_proj.weight", layer, e), Weights({kHidden, kFfn}, 9));
  }
  WriteSafetensors(folder / "model.safetensors", tensors);
  Json config = ModelConfig("deepseek_v3", 1);
  config.update({{"num_attention_heads", H},
                 {"num_key_value_heads", H},
                 {"kv_lora_rank", R},
                 {"qk_nope_head_dim", N},
                 {"qk_rope_head_dim", P},
                 {"v_head_dim", V},
                 {"n_routed_experts", 2},
                 {"n_shared_experts", 1},
                 {"num_experts_per_tok", 1},
                 {"moe_intermediate_size", kFfn},
                 {"first_k_dense_replace", 0},
                 {"routed_scaling_factor", 1.0},
                 {"norm_topk_prob", true}});
  std::ofstream(folder / "config.json") << config;
  const auto gram = [](int64_t size) {
    const Tensor x = Weights({4 * size, size}, 7);
    InputGram sum{.size = size, .values = std::vector<double>(static_cast<size_t>(size * size))};
    for (int64_t t = 0; t < x.dim(0); ++t)
      for (int64_t i = 0; i < size * size; ++i)
        sum.values[static_cast<size_t>(i)] += double{x.data<float>()[static_cast<size_t>(t * size + i / size)]} *
                                              double{x.data<float>()[static_cast<size_t>(t * size + i % size)]};
    return sum;
  };
  const std::map<std::string, InputGram> calibration = {{layer + "self_attn.q_proj.weight", gram(kHidden)},
                                                        {layer + "self_attn.kv_b_proj.weight", gram(R)},
                                                        {layer + "mlp.gate.weight", gram(kHidden)}};
  const fs::path plain = folder / "plain.gguf", calibrated = folder / "calibrated.gguf";
  const QuantizeModelOptions options{.recipe = RecipeFromName("q4_0")};
  EXPECT_THAT(QuantizeModel(folder.path(), plain, options).notes, testing::IsEmpty());
  QuantizeModelOptions with = options;
  with.calibration = &calibration;
  const QuantizeReport report = QuantizeModel(folder.path(), calibrated, with);
  EXPECT_EQ(report.calibrated, 3);
  EXPECT_THAT(report.notes,
              testing::Contains(testing::AllOf(HasSubstr("3 tensors are calibrated"), HasSubstr("1 of experts"),
                                               HasSubstr("1 of attn_k_b"), HasSubstr("2 of the vocabulary"))));
  const auto before = GgufFile::Open(plain), after = GgufFile::Open(calibrated);
  const auto same = [&](const char* name) {
    const Tensor a = before.Get(name), b = after.Get(name);
    return a.bytes() == b.bytes() && std::memcmp(a.raw(), b.raw(), static_cast<size_t>(a.bytes())) == 0;
  };
  EXPECT_FALSE(same("blk.0.attn_v_b.weight"));
  EXPECT_FALSE(same("blk.0.attn_q.weight"));
  EXPECT_TRUE(same("blk.0.attn_k_b.weight"));
  EXPECT_TRUE(same("blk.0.ffn_gate_inp.weight"));
  EXPECT_FALSE(same("blk.0.ffn_up_exps.weight"));
  EXPECT_TRUE(same("blk.0.ffn_down_exps.weight"));
  EXPECT_EQ(after.Get("blk.0.ffn_up_exps.weight").shape(), (Shape{2, kFfn, kHidden}));
  EXPECT_EQ(after.Get("blk.0.attn_v_b.weight").shape(), (Shape{H, V, R}));
}

}  // namespace
}  // namespace tessera::weights
