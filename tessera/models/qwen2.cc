#include "tessera/models/qwen2.h"

#include <string>

#include "tessera/models/config_reader.h"

namespace tessera::models {

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

Qwen2Block::Qwen2Block(const nn::Scope& s, const Qwen2Config& c, const nn::Rope& rope, int64_t layer)
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

nn::Sum Qwen2Block::operator()(const nn::Sum& sum, const nn::LayerContext& context) const {
  const auto [x, normed] = attention_norm(sum);
  const auto [h, ffn_in] = ffn_norm(nn::Sum{context.Wanted(x), attention(normed, context)});
  return {h, ffn(ffn_in)};
}

std::unique_ptr<LanguageModel> LoadQwen2(const ModelSource& source, const nn::LoadOptions& options) {
  const Qwen2Config c(source);
  auto summary = Summarize("qwen2", c, source, c.windows, options);
  return std::make_unique<Qwen2Decoder>(std::move(summary), c, source, options);
}

}  // namespace tessera::models
