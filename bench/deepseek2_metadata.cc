#include "bench/deepseek2_metadata.h"

#include <string>

#include "tessera/core/checked.h"

namespace tessera::bench {
namespace {

constexpr uint32_t kSigmoid = 2;  // of expert_gating_func

}  // namespace

void WriteDeepseek2Config(const Json& config, weights::GgufWriter& writer) {
  const auto size = [&](const char* key) {
    Require(config.contains(key) && config[key].is_number_integer(), "config: no number \"{}\"", key);
    return CheckedCast<uint32_t>(config[key].get<int64_t>(), key);
  };
  const auto set = [&](const std::string& key, const auto& value) { writer.Set("deepseek2." + key, value); };
  const uint32_t latent = size("kv_lora_rank"), rotary = size("qk_rope_head_dim");
  writer.Set("general.architecture", std::string("deepseek2"));
  set("block_count", size("num_hidden_layers"));
  set("context_length", size("max_position_embeddings"));
  set("embedding_length", size("hidden_size"));
  set("feed_forward_length", size("intermediate_size"));
  set("vocab_size", size("vocab_size"));
  set("attention.head_count", size("num_attention_heads"));
  set("attention.head_count_kv", uint32_t{1});
  set("attention.kv_lora_rank", latent);
  set("attention.key_length", latent + rotary);
  set("attention.value_length", latent);
  set("attention.key_length_mla", size("qk_nope_head_dim") + rotary);
  set("attention.value_length_mla", size("v_head_dim"));
  set("attention.layer_norm_rms_epsilon", config.value("rms_norm_eps", 1e-6f));
  set("rope.dimension_count", rotary);
  set("rope.freq_base", config["rope_parameters"].value("rope_theta", 10000.0f));
  set("leading_dense_block_count", size("first_k_dense_replace"));
  set("expert_count", size("n_routed_experts"));
  set("expert_used_count", size("num_experts_per_tok"));
  set("expert_shared_count", size("n_shared_experts"));
  set("expert_feed_forward_length", size("moe_intermediate_size"));
  set("expert_weights_scale", config.value("routed_scaling_factor", 1.0f));
  set("expert_weights_norm", config.value("norm_topk_prob", false));
  set("expert_gating_func", kSigmoid);
}

}  // namespace tessera::bench
