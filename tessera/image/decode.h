#pragma once
// Image files: PNG, JPEG (turned as its EXIF orientation says), WebP, BMP, and the first frame of a GIF or WebP.
//
// A file may come from anybody. Its format is known by its first bytes, never by its name. Its size is read and judged
// before memory for pixels is taken: against the limits, and against the file itself, since every format has a greatest
// number of pixels that so many bytes can hold.

#include <filesystem>
#include <string_view>

#include "tessera/image/image.h"

namespace tessera::image {

enum class ImageFormat : uint8_t { kPng, kJpeg, kWebp, kBmp, kGif };
std::string_view Name(ImageFormat format);  // "PNG", …

struct ImageInfo {
  ImageFormat format;
  ImageSize size;  // as the picture is shown, after turning
};

struct ImageLimits {
  int64_t max_pixels = int64_t{1} << 26;        // 64 Mpx
  int64_t max_aspect = 200;                     // the longer side over the shorter
  int64_t max_file_bytes = int64_t{256} << 20;  // of ReadImage
};

// What the first bytes say. Throws Error for another format or a header that is damaged.
ImageInfo ReadImageInfo(std::string_view bytes);

// The pixels: u8 [H, W, 3], or [H, W, 4] where the file has transparency. Deeper channels keep their upper 8 bits.
// Throws Error "image: …" or "png: …" for what is no picture, is damaged or cut short, or exceeds a limit.
Tensor DecodeImage(std::string_view bytes, const ImageLimits& limits = {});

// The same for a file; errors begin with its path. Throws Error too if it cannot be read.
Tensor ReadImage(const std::filesystem::path& path, const ImageLimits& limits = {});

}  // namespace tessera::image
