// WebP through libwebp.

#include <webp/encode.h>

#include <memory>

#include "tessera/image/encode.h"

namespace tessera::image {
namespace {

// The library's picture and the bytes it writes, freed at the end.
struct WebpWriter {
  WebPPicture picture;
  WebPMemoryWriter memory;

  WebpWriter() {
    WebPMemoryWriterInit(&memory);
    Require(WebPPictureInit(&picture) != 0, "webp: another version of libwebp");
    picture.writer = WebPMemoryWrite;
    picture.custom_ptr = &memory;
  }
  WebpWriter(const WebpWriter&) = delete;
  WebpWriter& operator=(const WebpWriter&) = delete;
  ~WebpWriter() {
    WebPPictureFree(&picture);
    WebPMemoryWriterClear(&memory);
  }
};

}  // namespace

std::string EncodeWebp(const Tensor& picture, WebpKind kind, int quality) {
  const ImageSize size = SizeOf(picture, "webp");
  Require(quality >= 1 && quality <= 100, "webp: a quality of {}; it runs from 1 to 100", quality);
  Require(size.height <= WEBP_MAX_DIMENSION && size.width <= WEBP_MAX_DIMENSION, "webp: {} x {} pixels; a side has {}",
          size.width, size.height, WEBP_MAX_DIMENSION);
  const int channels = static_cast<int>(picture.dim(2)), width = static_cast<int>(size.width);
  const uint8_t* pixels = picture.data<uint8_t>().data();
  WebPConfig config;
  Require(WebPConfigInit(&config) != 0, "webp: another version of libwebp");
  config.lossless = kind == WebpKind::kLossless;
  config.exact = 1;  // colours behind transparent pixels stay
  config.quality = static_cast<float>(quality);
  WebpWriter writer;
  writer.picture.use_argb = 1;
  writer.picture.width = width;
  writer.picture.height = static_cast<int>(size.height);
  const int imported = channels == 4 ? WebPPictureImportRGBA(&writer.picture, pixels, width * channels)
                                     : WebPPictureImportRGB(&writer.picture, pixels, width * channels);
  Require(imported != 0 && WebPEncode(&config, &writer.picture) != 0, "webp: libwebp gave up with error {}",
          static_cast<int>(writer.picture.error_code));
  return {reinterpret_cast<const char*>(writer.memory.mem), writer.memory.size};
}

}  // namespace tessera::image
