#pragma once
// Qwen2 and Qwen2.5 (Yang et al. 2024): Llama's decoder with biases on q, k and v, and a sliding window that the config
// may ask for in the upper layers.

#include <memory>

#include "tessera/models/decoder_config.h"
#include "tessera/models/language_model.h"

namespace tessera::models {

// Config keys: those of ReadDecoderConfig, and use_sliding_window, sliding_window, max_window_layers (layers below it
// see everything) and layer_types. Throws Error as LoadModel does.
std::unique_ptr<LanguageModel> LoadQwen2(const ModelSource& source, const nn::LoadOptions& options);

}  // namespace tessera::models
