#pragma once
// Writing pictures.

#include <filesystem>
#include <string>

#include "tessera/image/image.h"

namespace tessera::image {

// A PNG file's bytes; decoding gives the same pixels. Throws Error unless `picture` is one.
std::string EncodePng(const Tensor& picture);

// The file appears whole or not at all. Throws Error if it cannot be written.
void WritePng(const std::filesystem::path& path, const Tensor& picture);

}  // namespace tessera::image
