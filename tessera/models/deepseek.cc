#include "tessera/models/deepseek.h"

#include <cmath>
#include <optional>
#include <vector>

#include "tessera/models/config_reader.h"
#include "tessera/models/decoder.h"
#include "tessera/nn/latent_attention.h"
#include "tessera/nn/mixture_of_experts.h"
#include "tessera/nn/norm.h"
#include "tessera/nn/swiglu.h"
#include "tessera/ops/elementwise.h"

namespace tessera::models {
namespace {

struct DeepseekConfig : DecoderConfig {
  nn::LatentAttentionShape attention;
  nn::MixtureOfExpertsShape experts;
  int64_t dense_layers, expert_stride;  // the first ones are dense; then every so-manieth has experts

  explicit DeepseekConfig(const ModelSource& source);
  bool HasExperts(int64_t layer) const {
    return experts.experts > 0 && layer >= dense_layers && layer % expert_stride == 0;
  }
};

// s = m² / √(N + P): YaRN's models were trained with sharper scores (DeepSeek's code, yarn_get_mscale).
float SoftmaxScale(const nn::RopeConfig& rope, int64_t head_dim) {
  const double m =
      rope.type == nn::RopeType::kYarn && rope.mscale_all_dim ? nn::YarnMscale(rope.factor, *rope.mscale_all_dim) : 1.0;
  return static_cast<float>(m * m / std::sqrt(static_cast<double>(head_dim)));
}

nn::MixtureOfExpertsShape ReadExperts(const ConfigReader& reader, int64_t hidden) {
  const bool third = reader.Text("model_type", "") != "deepseek_v2";
  nn::MixtureOfExpertsShape e;
  e.hidden = hidden;
  e.experts = reader.Count("n_routed_experts", 0);
  if (e.experts == 0) return e;
  constexpr int64_t kMostExperts = 4096;  // each costs memory before its first tensor is looked for
  Require(e.experts <= kMostExperts, "config: \"n_routed_experts\" is {}, the limit is {}", e.experts, kMostExperts);
  e.expert_hidden = reader.Size("moe_intermediate_size");
  e.chosen = reader.Size("num_experts_per_tok");
  e.shared = reader.Count("n_shared_experts", 0);
  e.groups = reader.Size("n_group", 1);
  e.kept_groups = reader.Size("topk_group", 1);
  const std::string score = reader.Text("scoring_func", third ? "sigmoid" : "softmax");
  Require(score == "sigmoid" || score == "softmax", "config: \"scoring_func\" is \"{}\", not sigmoid or softmax",
          score);
  e.score = score == "sigmoid" ? nn::ExpertScore::kSigmoid : nn::ExpertScore::kSoftmax;
  const std::string method = reader.Text("topk_method", third ? "noaux_tc" : "greedy");
  Require(method == "noaux_tc" || method == "greedy" || method == "group_limited_greedy",
          "config: \"topk_method\" is \"{}\", not noaux_tc, greedy or group_limited_greedy", method);
  e.corrected = method == "noaux_tc";
  if (method == "greedy") e.groups = e.kept_groups = 1;
  e.normalize = reader.Flag("norm_topk_prob", third) && (third || e.chosen > 1);
  // Version 2 scales the weights only where it does not normalise them.
  e.scale = third || !e.normalize ? static_cast<float>(reader.Positive("routed_scaling_factor", 1)) : 1.0f;
  Require(e.experts % e.groups == 0, "config: \"n_group\" {} must divide \"n_routed_experts\" {}", e.groups, e.experts);
  Require(e.kept_groups <= e.groups, "config: \"topk_group\" {} is more than \"n_group\" {}", e.kept_groups, e.groups);
  Require(e.chosen <= e.experts / e.groups * e.kept_groups,
          "config: \"num_experts_per_tok\" is {}, but {} experts can be chosen", e.chosen,
          e.experts / e.groups * e.kept_groups);
  return e;
}

DeepseekConfig::DeepseekConfig(const ModelSource& source) : DecoderConfig(ReadDecoderConfig(source)) {
  const ConfigReader reader(source.config);
  attention.hidden = hidden;
  attention.heads = heads;
  attention.query_rank = reader.Count("q_lora_rank", 0);
  attention.latent = reader.Size("kv_lora_rank");
  attention.nope_dim = reader.Size("qk_nope_head_dim");
  attention.rope_dim = reader.Size("qk_rope_head_dim");
  attention.value_dim = reader.Size("v_head_dim");
  attention.bias = reader.Flag("attention_bias", false);
  rope = nn::ReadRopeConfig(source.config, attention.rope_dim);
  rotary_layout = ops::RotaryLayout::kPairs;
  attention.scale = SoftmaxScale(rope, attention.nope_dim + attention.rope_dim);
  experts = ReadExperts(reader, hidden);
  dense_layers = reader.Count("first_k_dense_replace", 0);
  expert_stride = reader.Size("moe_layer_freq", 1);
}

struct DeepseekBlock {  // h = x + LatentAttention(RMSNorm(x));  y = h + FeedForward(RMSNorm(h))
  nn::RmsNorm attention_norm;
  nn::LatentAttention attention;
  nn::RmsNorm ffn_norm;
  std::optional<nn::SwiGlu> dense;
  std::optional<nn::MixtureOfExperts> experts;

  DeepseekBlock(const nn::Scope& s, const DeepseekConfig& c, const nn::Rope& rope, int64_t layer)
      : attention_norm(s / "input_layernorm", c.hidden, c.norm_eps),
        attention(s / "self_attn", InLayer(c.attention, layer), rope),
        ffn_norm(s / "post_attention_layernorm", c.hidden, c.norm_eps) {
    if (c.HasExperts(layer))
      experts.emplace(s / "mlp", c.experts);
    else
      dense.emplace(s / "mlp", nn::SwiGluShape{.in = c.hidden, .hidden = c.ffn});
  }

  static nn::LatentAttentionShape InLayer(nn::LatentAttentionShape shape, int64_t layer) {
    shape.layer = layer;
    return shape;
  }

  nn::Sum operator()(const nn::Sum& sum, const nn::LayerContext& context) const {  // [T, C] -> [M, C]
    const auto [x, normed] = attention_norm(sum);
    const auto [h, ffn_in] = ffn_norm(nn::Sum{context.Wanted(x), attention(normed, context)});
    return {h, experts ? (*experts)(ffn_in) : (*dense)(ffn_in)};
  }
};

}  // namespace

std::unique_ptr<LanguageModel> LoadDeepseek(const ModelSource& source, const nn::LoadOptions& options) {
  const DeepseekConfig c(source);
  auto summary = Summarize(ConfigReader(source.config).Text("model_type", ""), c, source,
                           std::vector<int64_t>(static_cast<size_t>(c.layers), 0), options);
  summary.experts = c.experts.experts;
  summary.chosen = c.experts.chosen;
  // The cache keeps one head a layer: latent and rotary key. The latent is also its value.
  for (KvShape& kv : summary.kv)
    kv = {.kv_heads = 1,
          .key_dim = c.attention.cached_key_dim(),
          .value_dim = c.attention.latent,
          .values_in_keys = true};
  return std::make_unique<Decoder<DeepseekBlock, DeepseekConfig>>(std::move(summary), c, source, options);
}

}  // namespace tessera::models
