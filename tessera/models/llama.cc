#include "tessera/models/llama.h"

#include <vector>

#include "tessera/models/config_reader.h"
#include "tessera/models/decoder.h"
#include "tessera/nn/attention.h"
#include "tessera/nn/norm.h"
#include "tessera/nn/swiglu.h"

namespace tessera::models {
namespace {

struct LlamaConfig : DecoderConfig {
  bool attention_bias, mlp_bias;

  explicit LlamaConfig(const ModelSource& source)
      : DecoderConfig(ReadDecoderConfig(source)),
        attention_bias(ConfigReader(source.config).Flag("attention_bias", false)),
        mlp_bias(ConfigReader(source.config).Flag("mlp_bias", false)) {}
};

struct LlamaBlock {  // h = x + Attention(RMSNorm(x));  y = h + SwiGLU(RMSNorm(h))
  nn::RmsNorm attention_norm;
  nn::GroupedAttention attention;
  nn::RmsNorm ffn_norm;
  nn::SwiGlu ffn;

  LlamaBlock(const nn::Scope& s, const LlamaConfig& c, const nn::Rope& rope, int64_t layer)
      : attention_norm(s / "input_layernorm", c.hidden, c.norm_eps),
        attention(s / "self_attn",
                  {.hidden = c.hidden,
                   .heads = c.heads,
                   .kv_heads = c.kv_heads,
                   .head_dim = c.head_dim,
                   .qkv_bias = c.attention_bias,
                   .out_bias = c.attention_bias,
                   .layer = layer},
                  rope),
        ffn_norm(s / "post_attention_layernorm", c.hidden, c.norm_eps),
        ffn(s / "mlp", {.in = c.hidden, .hidden = c.ffn, .bias = c.mlp_bias}) {}

  nn::Sum operator()(const nn::Sum& sum, const nn::LayerContext& context) const {  // [T, C] -> [M, C]
    const auto [x, normed] = attention_norm(sum);
    const auto [h, ffn_in] = ffn_norm(nn::Sum{context.Wanted(x), attention(normed, context)});
    return {h, ffn(ffn_in)};
  }
};

}  // namespace

std::unique_ptr<LanguageModel> LoadLlama(const ModelSource& source, const nn::LoadOptions& options) {
  const LlamaConfig c(source);
  auto summary = Summarize("llama", c, source, std::vector<int64_t>(static_cast<size_t>(c.layers), 0), options);
  return std::make_unique<Decoder<LlamaBlock, LlamaConfig>>(std::move(summary), c, source, options);
}

}  // namespace tessera::models
