#pragma once
// Llama (Touvron et al. 2023; Llama 2, Llama 3, SmolLM2 and others): a decoder of grouped-query attention and SwiGLU,
// an RMS norm before each, rotary positions, and an output layer that may be tied to the embedding.

#include <memory>

#include "tessera/models/decoder_config.h"
#include "tessera/models/language_model.h"

namespace tessera::models {

// Config keys: those of ReadDecoderConfig, and attention_bias (on q, k, v and o) and mlp_bias.
// Throws Error as LoadModel does.
std::unique_ptr<LanguageModel> LoadLlama(const ModelSource& source, const nn::LoadOptions& options);

}  // namespace tessera::models
