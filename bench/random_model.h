#pragma once
// Models of any size with random weights, so that speed can be measured without their checkpoints.

#include <filesystem>
#include <functional>
#include <string>

#include "tessera/core/json.h"

namespace tessera::bench {

struct RandomModelOptions {
  std::string type = "q4_0";  // a recipe of weights/quantize_recipe.h
  uint64_t seed = 1;
  std::filesystem::path mmproj = {};  // of a GGUF model that sees: its vision part goes to this file instead
  std::function<void(int64_t done, int64_t total)> on_progress = {};  // in values
};

// Writes a GGUF file if `out` ends in .gguf, else a directory with config.json, model.safetensors (of one plain type)
// and tokenizer.json. One tensor is in memory at a time, and the file appears whole or not at all. `config` is a
// config.json of Hugging Face in either style. Throws Error for what TensorsOf and the recipes refuse, for block
// formats in safetensors, for directories of Moonlight and Kimi-VL, for an mmproj of a model that has no file of
// its own for what sees, and when the disk refuses.
void WriteRandomModel(const Json& config, const std::filesystem::path& out, const RandomModelOptions& options = {});

}  // namespace tessera::bench
