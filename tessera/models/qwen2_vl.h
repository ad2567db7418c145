#pragma once
// Qwen2-VL (Wang et al. 2024), and UI-TARS 1.0 (Qin et al. 2025), which is trained from it: Qwen2 reads the tokens that
// a vision transformer makes of pictures of any size; positions have time, height and width.

#include <memory>

#include "tessera/models/decoder_config.h"
#include "tessera/models/language_model.h"
#include "tessera/models/vision.h"

namespace tessera::models {

// Config keys: those of Qwen2 and of QwenVlConfig; vision_config has embed_dim and mlp_ratio.
// Throws Error as LoadModel does.
std::unique_ptr<LanguageModel> LoadQwen2Vl(const ModelSource& source, const nn::LoadOptions& options);
// What it does to pictures, from the configs alone.
std::unique_ptr<VisionProcessor> Qwen2VlPictures(const ModelSource& source);

}  // namespace tessera::models
