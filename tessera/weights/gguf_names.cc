#include "tessera/weights/gguf_names.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>

#include "tessera/weights/chameleon_gguf.h"

namespace tessera::weights {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

constexpr Pair kModel[] = {{"token_embd.", "model.embed_tokens."},
                           {"output_norm.", "model.norm."},
                           {"output.", "lm_head."},
                           {"vq.", "model.vqmodel."}};  // Chameleon's image tokenizer
constexpr Pair kLayer[] = {{"attn_norm.", "input_layernorm."},
                           {"attn_q.", "self_attn.q_proj."},
                           {"attn_k.", "self_attn.k_proj."},
                           {"attn_v.", "self_attn.v_proj."},
                           {"attn_output.", "self_attn.o_proj."},
                           {"attn_q_norm.", "self_attn.q_norm."},
                           {"attn_k_norm.", "self_attn.k_norm."},
                           {"ffn_norm.", "post_attention_layernorm."},
                           {"ffn_gate.", "mlp.gate_proj."},
                           {"ffn_up.", "mlp.up_proj."},
                           {"ffn_down.", "mlp.down_proj."},
                           // deepseek2: latent attention and experts. The first that fits counts.
                           {"attn_q_a.", "self_attn.q_a_proj."},
                           {"attn_q_a_norm.", "self_attn.q_a_layernorm."},
                           {"attn_q_b.", "self_attn.q_b_proj."},
                           {"attn_kv_a_mqa.", "self_attn.kv_a_proj_with_mqa."},
                           {"attn_kv_a_norm.", "self_attn.kv_a_layernorm."},
                           {"attn_kv_b.", "self_attn.kv_b_proj."},
                           {"attn_k_b.", "self_attn.k_b_proj."},
                           {"attn_v_b.", "self_attn.v_b_proj."},
                           {"exp_probs_b.bias", "mlp.gate.e_score_correction_bias"},
                           {"ffn_gate_inp.", "mlp.gate."},
                           {"ffn_gate_exps.", "mlp.experts.gate_proj."},
                           {"ffn_up_exps.", "mlp.experts.up_proj."},
                           {"ffn_down_exps.", "mlp.experts.down_proj."},
                           {"ffn_gate_shexp.", "mlp.shared_experts.gate_proj."},
                           {"ffn_up_shexp.", "mlp.shared_experts.up_proj."},
                           {"ffn_down_shexp.", "mlp.shared_experts.down_proj."}};
constexpr std::string_view kGgufLayers = "blk.", kLayers = "model.layers.";

// Replaces the first `from` that `name` begins with; empty if there is none. `Swap` picks the direction.
template <bool kToGguf, size_t N>
std::string Replace(std::string_view name, const Pair (&pairs)[N]) {
  for (const auto& [gguf, plain] : pairs) {
    const std::string_view from = kToGguf ? plain : gguf, to = kToGguf ? gguf : plain;
    if (name.starts_with(from)) return std::string(to) + std::string(name.substr(from.size()));
  }
  return {};
}

template <bool kToGguf>
std::string Translate(std::string_view name) {
  const std::string_view from = kToGguf ? kLayers : kGgufLayers, to = kToGguf ? kGgufLayers : kLayers;
  if (name.starts_with(from)) {
    const size_t digits = from.size(), dot = name.find('.', digits);
    if (dot == std::string_view::npos || dot == digits) return std::string(name);
    const std::string rest = Replace<kToGguf>(name.substr(dot + 1), kLayer);
    if (rest.empty()) return std::string(name);
    return fmt::format("{}{}.{}", to, name.substr(digits, dot - digits), rest);
  }
  const std::string translated = Replace<kToGguf>(name, kModel);
  return translated.empty() ? std::string(name) : translated;
}

// Copies metadata into the config, where it is there.
class ConfigWriter {
 public:
  ConfigWriter(const GgufFile& file, Json& config) : file_(file), config_(config) {
    const GgufValue* architecture = file.Find("general.architecture");
    Require(architecture != nullptr, "{}: no key \"general.architecture\"", file.file().path());
    architecture_ = architecture->String("general.architecture");
  }

  const std::string& architecture() const { return architecture_; }
  const GgufValue* Find(std::string_view key) const { return file_.Find(Full(key)); }

  void Integer(std::string_view key, const char* name) {
    // A few architectures give a number for each layer; then the config cannot hold it as one number.
    if (const GgufValue* value = Find(key); value != nullptr && !value->is_array())
      config_[name] = value->Integer(Full(key));
  }
  void Number(std::string_view key, const char* name, Json& target) {
    if (const GgufValue* value = Find(key)) target[name] = value->Number(Full(key));
  }
  void Token(std::string_view key, const char* name) {
    const std::string full = fmt::format("tokenizer.ggml.{}", key);
    if (const GgufValue* value = file_.Find(full)) config_[name] = value->Integer(full);
  }

 private:
  const GgufFile& file_;
  Json& config_;
  std::string architecture_;
  std::string Full(std::string_view key) const { return fmt::format("{}.{}", architecture_, key); }
};

constexpr std::string_view kFactors = "rope_freqs.weight";

Json RopeParameters(const GgufFile& file, ConfigWriter& writer) {
  Json rope = {{"rope_type", "default"}};
  rope["rope_theta"] = 10000.0;
  writer.Number("rope.freq_base", "rope_theta", rope);
  if (const GgufValue* type = writer.Find("rope.scaling.type")) {
    const std::string_view text = type->String("rope.scaling.type");
    if (text != "none") rope["rope_type"] = text;
    writer.Number("rope.scaling.factor", "factor", rope);
    if (const GgufValue* value = writer.Find("rope.scaling.attn_factor")) {
      // For YaRN it multiplies the paper's own 0.1 ln s + 1; a config gives the product.
      const double own = text == "yarn" ? 0.1 * std::log(rope.value("factor", 1.0)) + 1 : 1.0;
      rope["attention_factor"] = value->Number("rope.scaling.attn_factor") * own;
    }
    writer.Number("rope.scaling.yarn_beta_fast", "beta_fast", rope);
    writer.Number("rope.scaling.yarn_beta_slow", "beta_slow", rope);
    if (const GgufValue* length = writer.Find("rope.scaling.original_context_length"))
      rope["original_max_position_embeddings"] = length->Integer("rope.scaling.original_context_length");
  } else if (const GgufValue* linear = writer.Find("rope.scale_linear")) {  // before rope.scaling.* existed
    rope["rope_type"] = "linear";
    rope["factor"] = linear->Number("rope.scale_linear");
  }
  if (const GgufValue* value = writer.Find("rope.dimension_sections")) {  // time, height, width, and nothing
    constexpr char kSections[] = "rope.dimension_sections";
    const GgufArray& sections = value->Array(kSections);
    Require(sections.size() >= 3, "{}: \"{}\" has {} entries", file.file().path(), kSections, sections.size());
    for (size_t i = 0; i < 3; ++i) rope["mrope_section"].push_back(sections.Integer(i, kSections));
  }
  if (file.Has(kFactors)) {
    const Tensor factors = file.Get(kFactors);
    Require(factors.dtype() == DType::kF32 && factors.numel() <= 4096, "{}: {} must be f32 and small, it is {} {}",
            file.file().path(), kFactors, Name(factors.dtype()), factors.shape());
    rope["rope_type"] = "factors";
    rope["factors"] = std::vector<float>(factors.data<float>().begin(), factors.data<float>().end());
  }
  return rope;
}

// Latent attention and experts, which only deepseek2 has.
void AddDeepseekKeys(const GgufFile& file, ConfigWriter& writer, Json& config) {
  const auto integer = [&](const char* key) {
    const GgufValue* value = writer.Find(key);
    return value == nullptr || value->is_array() ? int64_t{0} : value->Integer(key);
  };
  const int64_t gating = integer("expert_gating_func");  // 1 softmax, 2 sigmoid; files from before the key: softmax
  config["model_type"] = gating == 2 ? "deepseek_v3" : "deepseek_v2";
  config["scoring_func"] = gating == 2 ? "sigmoid" : "softmax";
  writer.Integer("attention.q_lora_rank", "q_lora_rank");
  writer.Integer("attention.kv_lora_rank", "kv_lora_rank");
  writer.Integer("rope.dimension_count", "qk_rope_head_dim");
  // Files that keep k and v of each head apart give the latent's lengths, and the heads' own under other keys.
  const int64_t key = integer("attention.key_length_mla"), value = integer("attention.value_length_mla");
  config["qk_nope_head_dim"] = (key > 0 ? key : integer("attention.key_length")) - integer("rope.dimension_count");
  config["v_head_dim"] = value > 0 ? value : integer("attention.value_length");
  config["num_key_value_heads"] = config.value("num_attention_heads", Json());
  config["head_dim"] = config.value("qk_rope_head_dim", Json());
  writer.Integer("expert_count", "n_routed_experts");
  writer.Integer("expert_used_count", "num_experts_per_tok");
  writer.Integer("expert_shared_count", "n_shared_experts");
  writer.Integer("expert_feed_forward_length", "moe_intermediate_size");
  writer.Integer("leading_dense_block_count", "first_k_dense_replace");
  writer.Integer("expert_group_count", "n_group");
  writer.Integer("expert_group_used_count", "topk_group");
  writer.Number("expert_weights_scale", "routed_scaling_factor", config);
  const GgufValue* norm = writer.Find("expert_weights_norm");
  config["norm_topk_prob"] = norm != nullptr && norm->Bool("expert_weights_norm");
  const std::string corrected = fmt::format("blk.{}.exp_probs_b.bias", integer("leading_dense_block_count"));
  config["topk_method"] = file.Has(corrected)              ? "noaux_tc"
                          : config.value("n_group", 1) > 1 ? "group_limited_greedy"
                                                           : "greedy";
  if (const GgufValue* log = writer.Find("rope.scaling.yarn_log_multiplier")) {
    // 0.1 mscale_all_dim; cos and sin are not scaled where both scales are equal, as in every published model.
    const double mscale = log->Number("rope.scaling.yarn_log_multiplier") / 0.1;
    config["rope_parameters"]["mscale"] = mscale;
    config["rope_parameters"]["mscale_all_dim"] = mscale;
  }
}

int64_t VocabularySize(const GgufFile& file, ConfigWriter& writer) {
  if (file.Has("token_embd.weight")) {
    for (const TensorInfo& info : file.tensors())
      if (info.name == "token_embd.weight" && info.shape.rank() == 2) return info.shape[0];
  }
  if (const GgufValue* size = writer.Find("vocab_size")) return size->Integer("vocab_size");
  const GgufValue* tokens = file.Find("tokenizer.ggml.tokens");
  return tokens == nullptr ? 0 : static_cast<int64_t>(tokens->Array("tokenizer.ggml.tokens").size());
}

}  // namespace

std::string NameFromGguf(std::string_view gguf_name) { return Translate<false>(gguf_name); }
std::string NameToGguf(std::string_view name) { return Translate<true>(name); }

Json ConfigFromGguf(const GgufFile& file) {
  Json config = Json::object();
  ConfigWriter writer(file, config);
  const std::string& architecture = writer.architecture();
  config["model_type"] = architecture;
  if (architecture == "llama") config["architectures"] = {"LlamaForCausalLM"};
  if (architecture == "qwen2") config["architectures"] = {"Qwen2ForCausalLM"};
  if (architecture == "qwen2vl") config["model_type"] = "qwen2";  // by itself it is that
  writer.Integer("embedding_length", "hidden_size");
  writer.Integer("block_count", "num_hidden_layers");
  writer.Integer("attention.head_count", "num_attention_heads");
  config["num_key_value_heads"] = config.value("num_attention_heads", Json());
  writer.Integer("attention.head_count_kv", "num_key_value_heads");
  const int64_t heads = config.value("num_attention_heads", int64_t{0});
  if (heads > 0 && config.contains("hidden_size")) config["head_dim"] = config["hidden_size"].get<int64_t>() / heads;
  writer.Integer("attention.key_length", "head_dim");
  writer.Integer("feed_forward_length", "intermediate_size");
  writer.Integer("context_length", "max_position_embeddings");
  writer.Number("attention.layer_norm_rms_epsilon", "rms_norm_eps", config);
  config["hidden_act"] = "silu";
  config["vocab_size"] = VocabularySize(file, writer);
  config["tie_word_embeddings"] = !file.Has("output.weight");
  config["attention_bias"] = file.Has("blk.0.attn_q.bias");
  config["mlp_bias"] = file.Has("blk.0.ffn_down.bias");
  config["rope_parameters"] = RopeParameters(file, writer);
  if (architecture == "deepseek2") AddDeepseekKeys(file, writer, config);
  if (architecture == "chameleon") AddChameleonKeys(file, config);
  config["tessera_rope_layout"] = architecture == "llama" || architecture == "chameleon" ? "pairs" : "halves";
  writer.Token("bos_token_id", "bos_token_id");
  writer.Token("eos_token_id", "eos_token_id");
  writer.Token("padding_token_id", "pad_token_id");
  return config;
}

}  // namespace tessera::weights
