#include "tessera/image/image.h"

#include "tessera/core/thread_pool.h"

namespace tessera::image {
namespace {

// f(from, to) for each pixel of a picture with alpha: four bytes to three.
template <typename Pixel>
Tensor EachPixel(const Tensor& picture, const Pixel& f) {
  const ImageSize size = SizeOf(picture, "image");
  if (picture.dim(2) == 3) return picture;
  Tensor rgb = Tensor::Empty({size.height, size.width, 3}, DType::kU8);
  const uint8_t* from = picture.data<uint8_t>().data();
  uint8_t* to = rgb.mutable_data<uint8_t>().data();
  ParallelForRange(size.height, 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * size.width; i < end * size.width; ++i) f(from + 4 * i, to + 3 * i);
  });
  return rgb;
}

}  // namespace

ImageSize SizeOf(const Tensor& picture, std::string_view where) {
  Require(picture.defined() && picture.dtype() == DType::kU8 && picture.rank() == 3 && picture.contiguous() &&
              (picture.dim(2) == 3 || picture.dim(2) == 4) && picture.numel() > 0,
          "{}: a picture is u8 [H, W, 3] or [H, W, 4] with pixels", where);
  return {picture.dim(0), picture.dim(1)};
}

Tensor WithoutAlpha(const Tensor& picture) {
  return EachPixel(picture, [](const uint8_t* from, uint8_t* to) {
    for (int c = 0; c < 3; ++c) to[c] = from[c];
  });
}

Tensor OnWhite(const Tensor& picture) {
  return EachPixel(picture, [](const uint8_t* from, uint8_t* to) {
    const int alpha = from[3];
    for (int c = 0; c < 3; ++c) to[c] = static_cast<uint8_t>((from[c] * alpha + 255 * (255 - alpha) + 127) / 255);
  });
}

}  // namespace tessera::image
