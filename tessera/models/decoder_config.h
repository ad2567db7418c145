#pragma once
// The numbers that a decoder of the Llama shape is made from, and where a family reads its checkpoint.

#include <cstdint>
#include <filesystem>
#include <string>

#include "tessera/core/json.h"
#include "tessera/models/language_model.h"
#include "tessera/nn/parameters.h"
#include "tessera/nn/rotary.h"

namespace tessera::models {

// What a family needs of a checkpoint: the configs and the tensors by name, whatever files they come from.
struct ModelSource {
  const Json& config;
  const Json& generation_config;
  nn::Parameters::Find find;  // find(name): the tensor, or an undefined one
  const Json& preprocessor_config = NoConfig();
  std::string prefix = {};  // of the language model's tensors, where it is a part of a greater model: "language_model"
  std::filesystem::path folder = {};  // where files beside the checkpoint are looked for

  static const Json& NoConfig();  // an empty object
};

struct DecoderConfig {
  int64_t vocab = 0, hidden = 0, ffn = 0, layers = 0;  // V, C, F
  int64_t heads = 0, kv_heads = 0, head_dim = 0;       // H, G, D
  int64_t max_context = 0;
  float norm_eps = 1e-6f;
  bool tied = false;  // the output layer's weight is the embedding's
  nn::RopeConfig rope;
  ops::RotaryLayout rotary_layout = ops::RotaryLayout::kHalves;
};

// Reads the keys of Hugging Face's config.json that Llama and its descendants share. The config derived from a GGUF
// file adds "tessera_rope_layout": "pairs" where the rows of q and k are stored for adjacent pairs. Throws Error for a
// missing or impossible value; names the key.
DecoderConfig ReadDecoderConfig(const ModelSource& source);

// The summary of a decoder whose layers are alike but for the window of each: windows[i], 0 for none.
ModelSummary Summarize(const std::string& family, const DecoderConfig& config, const ModelSource& source,
                       std::span<const int64_t> windows, const nn::LoadOptions& options);

}  // namespace tessera::models
