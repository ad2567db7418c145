#pragma once
// Qwen2 and Qwen2.5 (Yang et al. 2024): Llama's decoder with biases on q, k and v, and a sliding window that the config
// may ask for in the upper layers. Qwen2-VL and Qwen2.5-VL read on with the same decoder.

#include <memory>
#include <vector>

#include "tessera/models/decoder.h"
#include "tessera/models/decoder_config.h"
#include "tessera/models/language_model.h"
#include "tessera/nn/attention.h"
#include "tessera/nn/norm.h"
#include "tessera/nn/swiglu.h"

namespace tessera::models {

// Config keys: those of ReadDecoderConfig, and use_sliding_window, sliding_window, max_window_layers (layers below it
// see everything) and layer_types. Throws Error as LoadModel does.
struct Qwen2Config : DecoderConfig {
  std::vector<int64_t> windows;  // one a layer; 0: it sees everything

  explicit Qwen2Config(const ModelSource& source);
};

struct Qwen2Block {  // h = x + Attention(RMSNorm(x));  y = h + SwiGLU(RMSNorm(h))
  nn::RmsNorm attention_norm;
  nn::GroupedAttention attention;
  nn::RmsNorm ffn_norm;
  nn::SwiGlu ffn;

  Qwen2Block(const nn::Scope& s, const Qwen2Config& c, const nn::Rope& rope, int64_t layer);
  nn::Sum operator()(const nn::Sum& sum, const nn::LayerContext& context) const;  // [T, C] -> [M, C]
};

using Qwen2Decoder = Decoder<Qwen2Block, Qwen2Config>;

// Throws Error as LoadModel does.
std::unique_ptr<LanguageModel> LoadQwen2(const ModelSource& source, const nn::LoadOptions& options);

}  // namespace tessera::models
