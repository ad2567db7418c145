// WebP through libwebp.

#include <webp/decode.h>

#include "tessera/image/codecs.h"

namespace tessera::image {
namespace {

// A lossless WebP of one colour has the same few bytes at any size, so no size is impossible. A picture that a person
// sends has more to say than one byte for 2,048 pixels, beyond the first two million.
constexpr int64_t kFreePixels = int64_t{2} << 20, kMaxPixelsPerByte = 2048;

WebPBitstreamFeatures Features(std::string_view bytes) {
  WebPBitstreamFeatures features;
  const VP8StatusCode status = WebPGetFeatures(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), &features);
  Require(status != VP8_STATUS_NOT_ENOUGH_DATA, "webp: the file ends early");
  Require(status == VP8_STATUS_OK, "webp: the header is damaged");
  Require(!features.has_animation, "webp: animations are not supported; save one frame as a picture");
  return features;
}

}  // namespace

ImageHeader WebpHeader(std::string_view bytes) {
  const WebPBitstreamFeatures features = Features(bytes);
  const int64_t pixels = static_cast<int64_t>(features.width) * features.height;
  return {.size = {features.height, features.width}, .least_file_bytes = (pixels - kFreePixels) / kMaxPixelsPerByte};
}

Tensor DecodeWebp(std::string_view bytes) {
  const WebPBitstreamFeatures features = Features(bytes);
  const int channels = features.has_alpha ? 4 : 3;
  Tensor picture = Tensor::Empty({features.height, features.width, channels}, DType::kU8);
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  const auto pixels = picture.mutable_data<uint8_t>();
  const auto* decoded =
      features.has_alpha
          ? WebPDecodeRGBAInto(data, bytes.size(), pixels.data(), pixels.size(), features.width * channels)
          : WebPDecodeRGBInto(data, bytes.size(), pixels.data(), pixels.size(), features.width * channels);
  Require(decoded != nullptr, "webp: the pixels are damaged or cut short");
  return picture;
}

}  // namespace tessera::image
