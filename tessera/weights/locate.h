#pragma once
// From what a person types to a path on this machine.
//
//   ./model.gguf, /models/llama       a file or a directory
//   smollm2                           a name of the catalogue (weights/catalogue.h)
//   org/name, org/name@revision       a model in Hugging Face's cache
//   org/name:Q4_K_M                   one of several GGUF files there, by a part of its file name

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::weights {

// The path that `model` means; the first of the four that fits. Throws Error that says what was looked for and where,
// and for a name of the catalogue that is not here yet, how to get it.
std::filesystem::path Locate(std::string_view model);

struct LocalModel {
  std::string name;  // what Locate takes
  std::filesystem::path path;
  int64_t bytes = 0;      // of all its files
  std::string_view from;  // "catalogue" or "huggingface"
};

// The models in Tessera's and in Hugging Face's cache, by name. Folders that cannot be read are passed over.
std::vector<LocalModel> LocalModels();

}  // namespace tessera::weights
