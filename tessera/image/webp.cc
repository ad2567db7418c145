// WebP through libwebp; of an animation the first frame. What that leaves free has alpha 0.
//
//   "RIFF" size "WEBP", then chunks: a name of four letters, a size, that many bytes, and one more if they are odd
//   ANMF   a frame: X/2, Y/2, width - 1, height - 1, duration (3 bytes each), flags, then the chunks of its picture

#include <webp/decode.h>

#include "tessera/image/byte_view.h"
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
  return features;
}

struct FirstFrame {
  int64_t left, top, width, height;
  std::string_view picture;  // its chunks, as libwebp takes them
};

FirstFrame FindFirstFrame(std::string_view bytes) {
  const ByteView view(bytes, "webp");
  constexpr size_t kFirstChunk = 12, kHeader = 8, kFrameHeader = 16;
  for (size_t at = kFirstChunk;;) {
    const std::string_view name = view.Part(at, 4);
    const size_t size = view.Little32(at + 4), data = at + kHeader;
    if (name == "ANMF") {
      Require(size >= kFrameHeader, "webp: the first frame is damaged");
      const auto three = [&](size_t i) {
        return int64_t{view.Little16(data + i)} + (int64_t{view.U8(data + i + 2)} << 16);
      };
      return {.left = 2 * three(0),
              .top = 2 * three(3),
              .width = three(6) + 1,
              .height = three(9) + 1,
              .picture = view.Part(data + kFrameHeader, size - kFrameHeader)};
    }
    at = data + size + size % 2;
  }
}

Tensor DecodeStill(std::string_view bytes, const WebPBitstreamFeatures& features) {
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

Tensor DecodeAnimation(std::string_view bytes, const WebPBitstreamFeatures& canvas) {
  const FirstFrame frame = FindFirstFrame(bytes);
  // Judged before a pixel is allocated: the canvas was, and the frame lies in it.
  Require(frame.left + frame.width <= canvas.width && frame.top + frame.height <= canvas.height,
          "webp: the first frame reaches beyond the picture");
  const WebPBitstreamFeatures features = Features(frame.picture);
  Require(!features.has_animation && features.width == frame.width && features.height == frame.height,
          "webp: the first frame is not of the size that it says");
  const Tensor still = DecodeStill(frame.picture, features);
  if (frame.width == canvas.width && frame.height == canvas.height) return still;
  Tensor picture = Tensor::Zeros({canvas.height, canvas.width, 4}, DType::kU8);
  const int64_t channels = still.dim(2);
  const uint8_t* from = still.data<uint8_t>().data();
  for (int64_t y = 0; y < frame.height; ++y) {
    uint8_t* to = picture.mutable_data<uint8_t>().data() + ((frame.top + y) * canvas.width + frame.left) * 4;
    for (int64_t x = 0; x < frame.width; ++x, from += channels, to += 4) {
      for (int64_t c = 0; c < 3; ++c) to[c] = from[c];
      to[3] = channels == 4 ? from[3] : 255;
    }
  }
  return picture;
}

}  // namespace

ImageHeader WebpHeader(std::string_view bytes) {
  const WebPBitstreamFeatures features = Features(bytes);
  const int64_t pixels = static_cast<int64_t>(features.width) * features.height;
  return {.size = {features.height, features.width}, .least_file_bytes = (pixels - kFreePixels) / kMaxPixelsPerByte};
}

Tensor DecodeWebp(std::string_view bytes) {
  const WebPBitstreamFeatures features = Features(bytes);
  return features.has_animation ? DecodeAnimation(bytes, features) : DecodeStill(bytes, features);
}

}  // namespace tessera::image
