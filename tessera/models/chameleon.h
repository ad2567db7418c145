#pragma once
// Chameleon (Chameleon Team 2024, "Mixed-Modal Early-Fusion Foundation Models"): a Llama whose queries and keys are
// normalised, and whose pictures are tokens like words: it reads them, and it writes them. Anole is the same model.

#include <memory>

#include "tessera/models/decoder_config.h"
#include "tessera/models/vision.h"

namespace tessera::models {

// Config keys: those of ReadDecoderConfig; attention_bias, mlp_bias; swin_norm, which moves the norms behind the blocks
// (34B); vocabulary_map, image_token_id, vq_config.
//
// The image tokenizer's encoder is "model.vqmodel.…" of the checkpoint, or tokenizer/vqgan.safetensors with vqgan.yaml
// in its folder; so is the decoder, which published checkpoints of Hugging Face lack. Without one the model reads
// pictures and draws none. Throws Error as LoadModel does.
std::unique_ptr<LanguageModel> LoadChameleon(const ModelSource& source, const nn::LoadOptions& options);

std::unique_ptr<VisionProcessor> ChameleonPictures(const ModelSource& source);

}  // namespace tessera::models
