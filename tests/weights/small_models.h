#pragma once
// Small files that hold one of everything, for tests that read, cut and mutate them.

#include <filesystem>

namespace tessera::weights {

// A GGUF file with a key of each value type (named after it), arrays, and a tensor of each readable type [2, 256].
void WriteEveryKindOfGguf(const std::filesystem::path& path);

// A safetensors file with a tensor of each dtype (named after it), metadata and an empty tensor.
void WriteEveryKindOfSafetensors(const std::filesystem::path& path);

}  // namespace tessera::weights
