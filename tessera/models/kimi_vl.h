#pragma once
// Kimi-VL (Kimi Team 2025), Instruct and Thinking: Moonlight reads the tokens that MoonViT and a projector make of
// pictures at their own resolution. A picture's tokens stand in the text like any others.

#include <memory>

#include "tessera/models/decoder_config.h"
#include "tessera/models/language_model.h"
#include "tessera/models/vision.h"

namespace tessera::models {

// Config keys: text_config with those of DeepSeek; vision_config with those of MoonVitConfig;
// media_placeholder_token_id. Of preprocessor_config.json: in_token_limit, pad_input, image_mean, image_std.
// Throws Error as LoadModel does.
std::unique_ptr<LanguageModel> LoadKimiVl(const ModelSource& source, const nn::LoadOptions& options);
// What it does to pictures, from the configs alone.
std::unique_ptr<VisionProcessor> KimiVlPictures(const ModelSource& source);

}  // namespace tessera::models
