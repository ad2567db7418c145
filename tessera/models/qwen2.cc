#include "tessera/models/qwen2.h"

#include <string>
#include <vector>

#include "tessera/models/config_reader.h"
#include "tessera/models/decoder.h"
#include "tessera/nn/attention.h"
#include "tessera/nn/norm.h"
#include "tessera/nn/swiglu.h"
#include "tessera/ops/elementwise.h"

namespace tessera::models {
namespace {

struct Qwen2Config : DecoderConfig {
  std::vector<int64_t> windows;  // one a layer; 0: it sees everything

  explicit Qwen2Config(const ModelSource& source);
};

// A layer slides where the config turns the window on and either layer_types says so or, without that list, the layer
// is not below max_window_layers.
Qwen2Config::Qwen2Config(const ModelSource& source)
    : DecoderConfig(ReadDecoderConfig(source)), windows(static_cast<size_t>(layers), 0) {
  const ConfigReader reader(source.config);
  if (!reader.Flag("use_sliding_window", false) || !reader.Has("sliding_window")) return;
  const int64_t window = reader.Size("sliding_window"), full_layers = reader.Count("max_window_layers", 28);
  const std::vector<std::string> types = reader.Texts("layer_types");
  Require(types.empty() || std::ssize(types) == layers, "config: \"layer_types\" has {} entries for {} layers",
          types.size(), layers);
  for (size_t i = 0; i < windows.size(); ++i) {
    const bool slides = types.empty() ? static_cast<int64_t>(i) >= full_layers : types[i] == "sliding_attention";
    if (slides) windows[i] = window;
  }
}

struct Qwen2Block {  // h = x + Attention(RMSNorm(x));  y = h + SwiGLU(RMSNorm(h))
  nn::RmsNorm attention_norm;
  nn::GroupedAttention attention;
  nn::RmsNorm ffn_norm;
  nn::SwiGlu ffn;

  Qwen2Block(const nn::Scope& s, const Qwen2Config& c, const nn::Rope& rope, int64_t layer)
      : attention_norm(s / "input_layernorm", c.hidden, c.norm_eps),
        attention(s / "self_attn",
                  {.hidden = c.hidden,
                   .heads = c.heads,
                   .kv_heads = c.kv_heads,
                   .head_dim = c.head_dim,
                   .qkv_bias = true,
                   .out_bias = false,
                   .layer = layer},
                  rope),
        ffn_norm(s / "post_attention_layernorm", c.hidden, c.norm_eps),
        ffn(s / "mlp", {.in = c.hidden, .hidden = c.ffn}) {}

  Tensor operator()(const Tensor& x, const nn::LayerContext& context) const {  // [T, C] -> [T, C]
    const Tensor h = ops::Add(x, attention(attention_norm(x), context));
    return ops::Add(h, ffn(ffn_norm(h)));
  }
};

}  // namespace

std::unique_ptr<LanguageModel> LoadQwen2(const ModelSource& source, const nn::LoadOptions& options) {
  const Qwen2Config c(source);
  auto summary = Summarize("qwen2", c, source, c.windows, options);
  return std::make_unique<Decoder<Qwen2Block, Qwen2Config>>(std::move(summary), c, source, options);
}

}  // namespace tessera::models
