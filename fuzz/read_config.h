#pragma once
// What the fuzzer of config.json does with an input; a test replays the corpus through the same function.

#include <stdexcept>
#include <string_view>

#include "tessera/core/error.h"
#include "tessera/core/json.h"
#include "tessera/models/chameleon.h"
#include "tessera/models/decoder_config.h"
#include "tessera/models/kimi_vl.h"
#include "tessera/models/qwen2_5_vl.h"
#include "tessera/models/qwen2_vl.h"
#include "tessera/nn/rope_scaling.h"
#include "tessera/weights/config.h"

namespace tessera::fuzz {

// Reads the config as that of a model that sees pictures; the text stands for preprocessor_config.json too.
inline void ReadVisionConfig(const Json& config) {
  const models::ModelSource source{
      .config = config, .generation_config = config, .find = {}, .preprocessor_config = config};
  for (const auto processor :
       {models::Qwen2VlPictures, models::Qwen2_5VlPictures, models::KimiVlPictures, models::ChameleonPictures}) {
    try {
      const auto pictures = processor(source);
      pictures->Tokens({1, 4, 4});
      pictures->Positions(3, {}, {});
    } catch (const Error&) {
    }
  }
}

// True if the text is a config that a decoder can be made from; every other outcome than that and an Error is a bug.
inline bool ReadConfig(std::string_view text) {
  try {
    const Json json = ParseJson(text, "input", {.max_bytes = 1 << 20, .unique_keys = true});
    const Json config = weights::NormalizeConfig(json, "input");
    if (weights::NormalizeConfig(config, "input") != config)
      throw std::logic_error("normalising twice differs from normalising once");
    ReadVisionConfig(config);
    const models::DecoderConfig decoder =
        models::ReadDecoderConfig({.config = config, .generation_config = config, .find = {}});
    // A model computes these for heads whose weights are in its file; wider ones would only take time here.
    if (decoder.head_dim <= 1024) nn::InverseFrequencies(decoder.rope, decoder.max_context);
    nn::AttentionFactor(decoder.rope);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace tessera::fuzz
