#pragma once
// What the fuzzer of vqgan.yaml does with an input; a test replays the corpus through the same function.

#include <stdexcept>
#include <string_view>

#include "tessera/core/error.h"
#include "tessera/models/vqgan.h"
#include "tessera/weights/plain_yaml.h"

namespace tessera::fuzz {

// True if the text describes a VQ-GAN; every other outcome than that and an Error is a bug. Networks are asked for, but
// no file has their tensors, so none may be made.
inline bool ReadVqGan(std::string_view text) {
  try {
    const models::VqGanConfig config = models::ReadVqGanYaml(weights::ParsePlainYaml(text, "input"));
    if (config.tokens() < 1 || config.side() << (config.multipliers.size() - 1) != config.resolution)
      throw std::logic_error("a square of codes that does not fit the picture");
    const auto none = [](const std::string&) { return Tensor(); };
    try {
      models::VqEncoder(config, none, "");
      throw std::logic_error("an encoder without weights");
    } catch (const Error&) {
    }
    try {
      models::VqDecoder(config, none, "");
      throw std::logic_error("a decoder without weights");
    } catch (const Error&) {
    }
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace tessera::fuzz
