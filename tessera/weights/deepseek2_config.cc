#include "tessera/weights/deepseek2_config.h"

#include <string>

#include "tessera/core/checked.h"

namespace tessera::weights {
namespace {

constexpr uint32_t kSoftmax = 1, kSigmoid = 2;  // of expert_gating_func

const Json* Find(const Json& object, const char* key) {
  const auto value = object.find(key);
  return value == object.end() || value->is_null() ? nullptr : &*value;
}

// Reads a config and writes keys of the architecture.
class Keys {
 public:
  Keys(const Json& config, GgufWriter& writer) : config_(config), writer_(writer) {}

  uint32_t Size(const char* key) const {
    const Json* value = Find(config_, key);
    Require(value != nullptr && value->is_number_integer(), "config: no number \"{}\"", key);
    return CheckedCast<uint32_t>(value->get<int64_t>(), key);
  }
  uint32_t SizeOr(const char* key, uint32_t otherwise) const {
    return Find(config_, key) == nullptr ? otherwise : Size(key);
  }
  float NumberOr(const Json& object, const char* key, float otherwise) const {
    const Json* value = Find(object, key);
    if (value == nullptr) return otherwise;
    Require(value->is_number(), "config: \"{}\" is not a number", key);
    return value->get<float>();
  }
  float NumberOr(const char* key, float otherwise) const { return NumberOr(config_, key, otherwise); }
  bool Flag(const char* key, bool otherwise) const {
    const Json* value = Find(config_, key);
    Require(value == nullptr || value->is_boolean(), "config: \"{}\" is not true or false", key);
    return value == nullptr ? otherwise : value->get<bool>();
  }
  std::string Text(const Json& object, const char* key, const char* otherwise) const {
    const Json* value = Find(object, key);
    Require(value == nullptr || value->is_string(), "config: \"{}\" is not a text", key);
    return value == nullptr ? otherwise : value->get<std::string>();
  }
  std::string Text(const char* key, const char* otherwise) const { return Text(config_, key, otherwise); }

  template <typename T>
  void Set(const std::string& key, const T& value) {
    writer_.Set("deepseek2." + key, value);
  }

 private:
  const Json& config_;
  GgufWriter& writer_;
};

void WriteExperts(Keys& keys, bool third) {
  const std::string score = keys.Text("scoring_func", third ? "sigmoid" : "softmax");
  const std::string method = keys.Text("topk_method", third ? "noaux_tc" : "greedy");
  const bool known = third ? score == "sigmoid" && method == "noaux_tc"
                           : score == "softmax" && (method == "greedy" || method == "group_limited_greedy");
  Require(known, "config: GGUF cannot say that experts are chosen by \"{}\" of \"{}\"", method, score);
  Require(keys.SizeOr("moe_layer_freq", 1) == 1, "config: GGUF cannot say that only some upper layers have experts");
  keys.Set("leading_dense_block_count", keys.SizeOr("first_k_dense_replace", 0));
  keys.Set("expert_count", keys.Size("n_routed_experts"));
  keys.Set("expert_used_count", keys.Size("num_experts_per_tok"));
  keys.Set("expert_shared_count", keys.SizeOr("n_shared_experts", 0));
  keys.Set("expert_feed_forward_length", keys.Size("moe_intermediate_size"));
  keys.Set("expert_weights_scale", keys.NumberOr("routed_scaling_factor", 1));
  keys.Set("expert_weights_norm", keys.Flag("norm_topk_prob", third));
  keys.Set("expert_gating_func", third ? kSigmoid : kSoftmax);
  if (method != "greedy" && keys.SizeOr("n_group", 1) > 1) {
    keys.Set("expert_group_count", keys.Size("n_group"));
    keys.Set("expert_group_used_count", keys.Size("topk_group"));
  }
}

void WriteRope(Keys& keys, const Json& rope) {
  keys.Set("rope.freq_base", keys.NumberOr(rope, "rope_theta", 10000));
  const std::string type = keys.Text(rope, "rope_type", "default");
  if (type == "default") return;
  Require(type == "yarn", "config: GGUF cannot express the rope scaling \"{}\" for this architecture", type);
  const float all = keys.NumberOr(rope, "mscale_all_dim", 0), one = keys.NumberOr(rope, "mscale", all);
  Require(all == one, "config: GGUF cannot express that \"mscale\" {} and \"mscale_all_dim\" {} differ", one, all);
  keys.Set("rope.scaling.type", type);
  keys.Set("rope.scaling.factor", keys.NumberOr(rope, "factor", 1));
  keys.Set("rope.scaling.original_context_length",
           static_cast<uint32_t>(keys.NumberOr(rope, "original_max_position_embeddings", 4096)));
  if (all > 0) keys.Set("rope.scaling.yarn_log_multiplier", 0.1f * all);
  if (Find(rope, "beta_fast") != nullptr) keys.Set("rope.scaling.yarn_beta_fast", keys.NumberOr(rope, "beta_fast", 32));
  if (Find(rope, "beta_slow") != nullptr) keys.Set("rope.scaling.yarn_beta_slow", keys.NumberOr(rope, "beta_slow", 1));
}

}  // namespace

void WriteDeepseek2Config(const Json& config, GgufWriter& writer) {
  Keys keys(config, writer);
  Require(!keys.Flag("attention_bias", false), "config: GGUF has no place for the biases of latent attention");
  const uint32_t latent = keys.Size("kv_lora_rank"), rotary = keys.Size("qk_rope_head_dim");
  writer.Set("general.architecture", std::string("deepseek2"));
  keys.Set("block_count", keys.Size("num_hidden_layers"));
  keys.Set("context_length", keys.SizeOr("max_position_embeddings", 2048));
  keys.Set("embedding_length", keys.Size("hidden_size"));
  keys.Set("feed_forward_length", keys.Size("intermediate_size"));
  keys.Set("vocab_size", keys.Size("vocab_size"));
  keys.Set("attention.head_count", keys.Size("num_attention_heads"));
  keys.Set("attention.head_count_kv", uint32_t{1});
  if (const uint32_t rank = keys.SizeOr("q_lora_rank", 0); rank > 0) keys.Set("attention.q_lora_rank", rank);
  keys.Set("attention.kv_lora_rank", latent);
  keys.Set("attention.key_length", latent + rotary);
  keys.Set("attention.value_length", latent);
  keys.Set("attention.key_length_mla", keys.Size("qk_nope_head_dim") + rotary);
  keys.Set("attention.value_length_mla", keys.Size("v_head_dim"));
  keys.Set("attention.layer_norm_rms_epsilon", keys.NumberOr("rms_norm_eps", 1e-6f));
  keys.Set("rope.dimension_count", rotary);
  const Json* rope = Find(config, "rope_parameters");
  WriteRope(keys, rope == nullptr ? Json::object() : *rope);
  if (Find(config, "n_routed_experts") != nullptr) WriteExperts(keys, keys.Text("model_type", "") != "deepseek_v2");
}

}  // namespace tessera::weights
