#pragma once
// DeepSeek-V2 and V3 (DeepSeek-AI 2024) and Moonlight (Liu et al. 2025), Kimi-VL's language model: latent attention, a
// dense feed-forward in the first layers and a mixture of experts in the others, an RMS norm before each.

#include <memory>

#include "tessera/models/decoder_config.h"
#include "tessera/models/language_model.h"

namespace tessera::models {

// Config keys: those of ReadDecoderConfig; kv_lora_rank, q_lora_rank, qk_nope_head_dim, qk_rope_head_dim, v_head_dim;
// n_routed_experts, n_shared_experts, num_experts_per_tok, moe_intermediate_size, first_k_dense_replace,
// moe_layer_freq, n_group, topk_group, scoring_func, topk_method, norm_topk_prob, routed_scaling_factor;
// attention_bias. Throws Error as LoadModel does.
std::unique_ptr<LanguageModel> LoadDeepseek(const ModelSource& source, const nn::LoadOptions& options);

}  // namespace tessera::models
