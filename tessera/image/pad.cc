#include "tessera/image/pad.h"

#include <algorithm>
#include <cmath>

namespace tessera::image {

Tensor PadBlack(const Tensor& picture, const ImageSize& size) {
  const auto [height, width] = SizeOf(picture, "pad");
  Require(height <= size.height && width <= size.width, "pad: {} x {} pixels do not fit into {} x {}", width, height,
          size.width, size.height);
  if (size == ImageSize{height, width}) return picture;
  const int64_t C = picture.dim(2);
  Tensor padded = Tensor::Zeros({size.height, size.width, C}, DType::kU8);
  const uint8_t* from = picture.data<uint8_t>().data();
  uint8_t* to = padded.mutable_data<uint8_t>().data();
  if (C == 4)
    for (int64_t i = 3; i < padded.numel(); i += 4) to[i] = 255;
  for (int64_t y = 0; y < height; ++y) std::copy_n(from + y * width * C, width * C, to + y * size.width * C);
  return padded;
}

Tensor CropMiddle(const Tensor& picture, const ImageSize& size) {
  const auto [height, width] = SizeOf(picture, "crop");
  Require(0 < size.height && size.height <= height && 0 < size.width && size.width <= width,
          "crop: {} x {} pixels are no part of {} x {}", size.width, size.height, width, height);
  const auto begin = [](int64_t whole, int64_t part) {
    return static_cast<int64_t>(std::nearbyint(static_cast<double>(whole - part) / 2));
  };
  const int64_t top = begin(height, size.height), left = begin(width, size.width);
  return picture.Slice(0, top, top + size.height).Slice(1, left, left + size.width).Contiguous();
}

}  // namespace tessera::image
