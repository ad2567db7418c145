#include "tessera/image/decode.h"

#include <algorithm>
#include <array>

#include "tessera/core/mapped_file.h"
#include "tessera/image/codecs.h"

namespace tessera::image {
namespace {

struct Codec {
  ImageFormat format;
  std::string_view name;
  bool (*recognizes)(std::string_view bytes);
  ImageHeader (*header)(std::string_view bytes);
  Tensor (*decode)(std::string_view bytes);
};

constexpr std::array<Codec, 5> kCodecs = {{
    {ImageFormat::kPng, "PNG", [](std::string_view b) { return b.starts_with("\x89PNG\r\n\x1a\n"); }, PngHeader,
     DecodePng},
    {ImageFormat::kJpeg, "JPEG", [](std::string_view b) { return b.starts_with("\xff\xd8\xff"); }, JpegHeader,
     DecodeJpeg},
    {ImageFormat::kWebp, "WebP",
     [](std::string_view b) { return b.size() >= 12 && b.starts_with("RIFF") && b.substr(8, 4) == "WEBP"; }, WebpHeader,
     DecodeWebp},
    {ImageFormat::kBmp, "BMP", [](std::string_view b) { return b.starts_with("BM"); }, BmpHeader, DecodeBmp},
    {ImageFormat::kGif, "GIF", [](std::string_view b) { return b.starts_with("GIF87a") || b.starts_with("GIF89a"); },
     GifHeader, DecodeGif},
}};

const Codec& CodecOf(std::string_view bytes) {
  const auto found = std::ranges::find_if(kCodecs, [&](const Codec& codec) { return codec.recognizes(bytes); });
  Require(found != kCodecs.end(), "image: the bytes are no PNG, JPEG, WebP, BMP or GIF{}",
          bytes.empty() ? "; there are none" : "");
  return *found;
}

void Judge(const Codec& codec, const ImageHeader& header, std::string_view bytes, const ImageLimits& limits) {
  const auto [height, width] = header.size;
  Require(height > 0 && width > 0, "image: {} x {} pixels in a {} file; each side needs at least one", width, height,
          codec.name);
  Require(width <= limits.max_pixels / height, "image: {} x {} pixels are more than the limit of {}; make it smaller",
          width, height, limits.max_pixels);
  Require(std::max(width, height) <= limits.max_aspect * std::min(width, height),
          "image: {} x {} pixels: one side is more than {} times the other", width, height, limits.max_aspect);
  Require(header.least_file_bytes <= std::ssize(bytes),
          "image: {} x {} pixels cannot be in a {} file of {} bytes. Was it cut short?", width, height, codec.name,
          bytes.size());
}

}  // namespace

std::string_view Name(ImageFormat format) { return std::ranges::find(kCodecs, format, &Codec::format)->name; }

ImageInfo ReadImageInfo(std::string_view bytes) {
  const Codec& codec = CodecOf(bytes);
  return {.format = codec.format, .size = codec.header(bytes).size};
}

Tensor DecodeImage(std::string_view bytes, const ImageLimits& limits) {
  const Codec& codec = CodecOf(bytes);
  Judge(codec, codec.header(bytes), bytes, limits);
  return codec.decode(bytes);
}

Tensor ReadImage(const std::filesystem::path& path, const ImageLimits& limits) {
  const std::string bytes = ReadFile(path, limits.max_file_bytes);
  return WithContext(path.string(), [&] { return DecodeImage(bytes, limits); });
}

}  // namespace tessera::image
