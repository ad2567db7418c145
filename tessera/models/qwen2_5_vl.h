#pragma once
// Qwen2.5-VL (Bai et al. 2025), and UI-TARS 1.5, which is trained from it: the vision transformer looks through windows
// in all but a few layers, and a video's positions follow its seconds.

#include <memory>

#include "tessera/models/decoder_config.h"
#include "tessera/models/language_model.h"
#include "tessera/models/vision.h"

namespace tessera::models {

// Config keys: those of Qwen2 and of QwenVlConfig; vision_config has hidden_size, intermediate_size, window_size,
// fullatt_block_indexes and tokens_per_second. Throws Error as LoadModel does.
std::unique_ptr<LanguageModel> LoadQwen2_5Vl(const ModelSource& source, const nn::LoadOptions& options);
// What it does to pictures, from the configs alone.
std::unique_ptr<VisionProcessor> Qwen2_5VlPictures(const ModelSource& source);

}  // namespace tessera::models
