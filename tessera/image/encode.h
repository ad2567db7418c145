#pragma once
// Writing pictures.

#include <filesystem>
#include <string>

#include "tessera/image/image.h"

namespace tessera::image {

// A PNG file's bytes; decoding gives the same pixels. Throws Error unless `picture` is one.
std::string EncodePng(const Tensor& picture);

// A baseline JPEG file's bytes, quality 1 (least) to 100, colours at half the resolution as is usual; what is
// transparent stands on white. Throws Error unless `picture` is one, for another quality, and for sides beyond 65,500.
std::string EncodeJpeg(const Tensor& picture, int quality = 90);

enum class WebpKind : uint8_t { kLossless, kLossy };
// A WebP file's bytes. Lossless: decoding gives the same pixels, and `quality` is the effort. Lossy: quality as above.
// Throws Error unless `picture` is one, for another quality, and for sides beyond 16,383.
std::string EncodeWebp(const Tensor& picture, WebpKind kind = WebpKind::kLossless, int quality = 90);

// The file appears whole or not at all; its name says the format: .png, .jpg, .jpeg, or .webp (lossless), in any case.
// Throws Error for other names, for what the format cannot hold, and if it cannot be written.
void WritePicture(const std::filesystem::path& path, const Tensor& picture);

}  // namespace tessera::image
