#include "bench/model_tensors.h"

#include <cmath>

#include "bench/chameleon_tensors.h"
#include "tessera/core/error.h"
#include "tessera/weights/gguf_config.h"

namespace tessera::bench {
namespace {

int64_t Size(const Json& config, const char* key) {
  const auto value = config.find(key);
  Require(value != config.end() && value->is_number_integer() && *value > 0, "config: no positive number \"{}\"", key);
  return value->get<int64_t>();
}

bool Flag(const Json& config, const char* key) { return config.value(key, false); }

// Collects tensors whose names begin with one prefix.
class Scope {
 public:
  Scope(std::vector<ModelTensor>& tensors, std::string prefix) : tensors_(tensors), prefix_(std::move(prefix)) {}

  void Norm(const std::string& name, int64_t size) { Add(name + ".weight", {size}, 1, 0.1f); }
  void Matrix(const std::string& name, const Shape& shape) {
    Add(name + ".weight", shape, 0, 1 / std::sqrt(static_cast<float>(shape[-1])));
  }
  void Bias(const std::string& name, int64_t size) { Add(name + ".bias", {size}, 0, 0.02f); }
  void Add(const std::string& name, const Shape& shape, float mean, float deviation) {
    tensors_.push_back({prefix_ + name, shape, mean, deviation});
  }

 private:
  std::vector<ModelTensor>& tensors_;
  std::string prefix_;
};

void AddAttention(Scope layer, const Json& c) {
  const int64_t hidden = Size(c, "hidden_size"), heads = Size(c, "num_attention_heads");
  const int64_t kv_heads = c.contains("num_key_value_heads") ? Size(c, "num_key_value_heads") : heads;
  const int64_t size = weights::HeadSize(c);
  const bool biases = c["model_type"].get<std::string>().starts_with("qwen2") || Flag(c, "attention_bias");
  layer.Norm("attn_norm", hidden);
  for (const auto& [name, rows] : {std::pair("attn_q", heads * size), std::pair("attn_k", kv_heads * size),
                                   std::pair("attn_v", kv_heads * size)}) {
    layer.Matrix(name, {rows, hidden});
    if (biases) layer.Bias(name, rows);
  }
  layer.Matrix("attn_output", {hidden, heads * size});
  if (Flag(c, "attention_bias")) layer.Bias("attn_output", hidden);
}

// DeepSeek-V2's latent attention: k and v of all heads come from one latent row; stored so that a head's part of the
// query, or of the output, can be multiplied with the latent row itself.
void AddLatentAttention(Scope layer, const Json& c) {
  const int64_t hidden = Size(c, "hidden_size"), heads = Size(c, "num_attention_heads");
  const int64_t latent = Size(c, "kv_lora_rank"), plain = Size(c, "qk_nope_head_dim");
  const int64_t rotary = Size(c, "qk_rope_head_dim"), value = Size(c, "v_head_dim");
  const auto rank = c.find("q_lora_rank");
  Require(rank == c.end() || rank->is_null(), "config: \"q_lora_rank\" is not supported here; Moonlight has none");
  layer.Norm("attn_norm", hidden);
  layer.Matrix("attn_q", {heads * (plain + rotary), hidden});
  layer.Matrix("attn_kv_a_mqa", {latent + rotary, hidden});
  layer.Norm("attn_kv_a_norm", latent);
  layer.Matrix("attn_k_b", {heads, latent, plain});
  layer.Matrix("attn_v_b", {heads, value, latent});
  layer.Matrix("attn_output", {hidden, heads * value});
}

void AddMlp(Scope layer, const Json& c, const std::string& suffix, int64_t ffn) {
  const int64_t hidden = Size(c, "hidden_size");
  layer.Matrix("ffn_gate" + suffix, {ffn, hidden});
  layer.Matrix("ffn_up" + suffix, {ffn, hidden});
  layer.Matrix("ffn_down" + suffix, {hidden, ffn});
}

void AddExperts(Scope layer, const Json& c) {
  const int64_t hidden = Size(c, "hidden_size"), ffn = Size(c, "moe_intermediate_size");
  const int64_t experts = Size(c, "n_routed_experts");
  layer.Matrix("ffn_gate_inp", {experts, hidden});
  layer.Add("exp_probs_b.bias", {experts}, 0, 0.02f);
  layer.Matrix("ffn_gate_exps", {experts, ffn, hidden});
  layer.Matrix("ffn_up_exps", {experts, ffn, hidden});
  layer.Matrix("ffn_down_exps", {experts, hidden, ffn});
  AddMlp(layer, c, "_shexp", ffn * Size(c, "n_shared_experts"));
}

// The towers of Qwen2-VL (LayerNorm, two-layer MLP) and Qwen2.5-VL (RMSNorm, gated MLP).
void AddVisionTower(std::vector<ModelTensor>& tensors, const Json& config) {
  Require(config.contains("vision_config"), "config: \"vision_config\" is missing");
  const Json& c = config["vision_config"];
  const bool gated = config["model_type"] == "qwen2_5_vl";
  const int64_t width = Size(c, gated ? "hidden_size" : "embed_dim"), merge = Size(c, "spatial_merge_size");
  const int64_t ffn = gated ? Size(c, "intermediate_size") : width * Size(c, "mlp_ratio");
  const int64_t patch = Size(c, "patch_size"), frames = Size(c, "temporal_patch_size");
  const auto linear = [](Scope& s, const std::string& name, int64_t out, int64_t in) {
    s.Matrix(name, {out, in});
    s.Bias(name, out);
  };
  const auto norm = [&](Scope& s, const std::string& name) {
    s.Norm(name, width);
    if (!gated) s.Bias(name, width);
  };
  Scope tower(tensors, "visual.");
  tower.Add("patch_embed.proj.weight", {width, 3, frames, patch, patch}, 0,
            1 / std::sqrt(static_cast<float>(3 * frames * patch * patch)));
  for (int64_t i = 0; i < Size(c, "depth"); ++i) {
    Scope block(tensors, fmt::format("visual.blocks.{}.", i));
    norm(block, "norm1");
    linear(block, "attn.qkv", 3 * width, width);
    linear(block, "attn.proj", width, width);
    norm(block, "norm2");
    linear(block, gated ? "mlp.gate_proj" : "mlp.fc1", ffn, width);
    if (gated) linear(block, "mlp.up_proj", ffn, width);
    linear(block, gated ? "mlp.down_proj" : "mlp.fc2", width, ffn);
  }
  Scope merger(tensors, "visual.merger.");
  norm(merger, "ln_q");
  linear(merger, "mlp.0", width * merge * merge, width * merge * merge);
  linear(merger, "mlp.2", Size(weights::TextConfig(config), "hidden_size"), width * merge * merge);
}

// Kimi-VL's tower and projector.
void AddMoonVit(std::vector<ModelTensor>& tensors, const Json& config, int64_t text_hidden) {
  Require(config.contains("vision_config"), "config: \"vision_config\" is missing");
  const Json& c = config["vision_config"];
  const int64_t width = Size(c, "hidden_size"), ffn = Size(c, "intermediate_size"), patch = Size(c, "patch_size");
  const int64_t merge = c.value("merge_kernel_size", Json({2, 2}))[0].get<int64_t>(), joined = width * merge * merge;
  const auto linear = [](Scope s, const std::string& name, int64_t out, int64_t in) {
    s.Matrix(name, {out, in});
    s.Bias(name, out);
  };
  const auto norm = [&](Scope s, const std::string& name) {
    s.Norm(name, width);
    s.Bias(name, width);
  };
  Scope embed(tensors, "vision_tower.patch_embed.");
  embed.Add("proj.weight", {width, 3, patch, patch}, 0, 1 / std::sqrt(static_cast<float>(3 * patch * patch)));
  embed.Bias("proj", width);
  embed.Add("pos_emb.weight",
            {c.value("init_pos_emb_height", int64_t{64}), c.value("init_pos_emb_width", int64_t{64}), width}, 0, 0.02f);
  for (int64_t i = 0; i < Size(c, "num_hidden_layers"); ++i) {
    const Scope block(tensors, fmt::format("vision_tower.encoder.blocks.{}.", i));
    norm(block, "norm0");
    linear(block, "wqkv", 3 * width, width);
    linear(block, "wo", width, width);
    norm(block, "norm1");
    linear(block, "mlp.fc0", ffn, width);
    linear(block, "mlp.fc1", width, ffn);
  }
  norm(Scope(tensors, "vision_tower.encoder."), "final_layernorm");
  const Scope projector(tensors, "multi_modal_projector.");
  norm(projector, "pre_norm");
  linear(projector, "linear_1", joined, joined);
  linear(projector, "linear_2", text_hidden, joined);
}

}  // namespace

std::vector<ModelTensor> TensorsOf(const Json& whole) {
  const Json config = weights::TextConfig(whole);
  const std::string type = config.value("model_type", ""), family = whole.value("model_type", "");
  const bool seeing = type == "qwen2_vl" || type == "qwen2_5_vl";
  Require(type == "llama" || type == "qwen2" || type == "deepseek_v3" || type == "chameleon" || seeing,
          "config: models of type \"{}\" cannot be made up; llama, qwen2, qwen2_vl, qwen2_5_vl, chameleon, deepseek_v3 "
          "and kimi_vl can",
          type);
  const int64_t hidden = Size(config, "hidden_size"), vocab = Size(config, "vocab_size");
  const int64_t dense = type == "deepseek_v3" ? config.value("first_k_dense_replace", int64_t{0}) : INT64_MAX;
  std::vector<ModelTensor> tensors;
  Scope model(tensors, "");
  model.Add("token_embd.weight", {vocab, hidden}, 0, 0.02f);
  for (int64_t i = 0; i < Size(config, "num_hidden_layers"); ++i) {
    const Scope layer(tensors, fmt::format("blk.{}.", i));
    type == "deepseek_v3" ? AddLatentAttention(layer, config) : AddAttention(layer, config);
    Scope(layer).Norm("ffn_norm", hidden);
    i < dense ? AddMlp(layer, config, "", Size(config, "intermediate_size")) : AddExperts(layer, config);
  }
  model.Norm("output_norm", hidden);
  if (!Flag(config, "tie_word_embeddings")) model.Add("output.weight", {vocab, hidden}, 0, 0.02f);
  if (seeing) AddVisionTower(tensors, whole);
  if (family == "kimi_vl") AddMoonVit(tensors, whole, hidden);
  if (type == "chameleon") AddChameleonTensors(config, tensors);
  return tensors;
}

}  // namespace tessera::bench
