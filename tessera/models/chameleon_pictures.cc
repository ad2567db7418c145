#include "tessera/models/chameleon_pictures.h"

#include <algorithm>
#include <cmath>

#include "tessera/image/image.h"
#include "tessera/image/resize.h"

namespace tessera::models {
namespace {

// Blended in double and cut to whole numbers, as the released code does it; image::OnWhite rounds.
Tensor OnWhiteCut(const Tensor& picture) {
  if (picture.dim(2) == 3) return picture;
  Tensor rgb = Tensor::Empty({picture.dim(0), picture.dim(1), 3}, DType::kU8);
  const auto from = picture.data<uint8_t>();
  const auto to = rgb.mutable_data<uint8_t>();
  for (size_t i = 0; i < to.size() / 3; ++i) {
    const double alpha = from[4 * i + 3] / 255.0;
    for (size_t c = 0; c < 3; ++c)
      to[3 * i + c] = static_cast<uint8_t>((1 - alpha) * 255 + alpha * static_cast<double>(from[4 * i + c]));
  }
  return rgb;
}

}  // namespace

Tensor SquarePicture(const Tensor& picture, int64_t side) {
  const auto [height, width] = image::SizeOf(picture, "vision");
  const double scale = static_cast<double>(side) / static_cast<double>(std::min(height, width));
  const auto scaled = [&](int64_t length) {
    return static_cast<int64_t>(std::nearbyint(scale * static_cast<double>(length)));  // halves to even
  };
  const image::ImageSize size{scaled(height), scaled(width)};
  const Tensor resized = image::Resize(OnWhiteCut(picture), size, image::ResizeFilter::kLanczos);
  const int64_t top = (size.height - side) / 2, left = (size.width - side) / 2;
  return resized.Slice(0, top, top + side).Slice(1, left, left + side).Contiguous();
}

Tensor ToPixels(const Tensor& square) {
  Tensor pixels = Tensor::Empty({1, square.dim(0), square.dim(1), 3});
  std::ranges::transform(square.data<uint8_t>(), pixels.mutable_data<float>().begin(),
                         [](uint8_t value) { return static_cast<float>(value / 255.0 * 2 - 1); });
  return pixels;
}

Tensor FromPixels(const Tensor& pixels) {
  Tensor picture = Tensor::Empty({pixels.dim(1), pixels.dim(2), 3}, DType::kU8);
  std::ranges::transform(pixels.data<float>(), picture.mutable_data<uint8_t>().begin(), [](float value) {
    return static_cast<uint8_t>((std::clamp(value, -1.0f, 1.0f) + 1) / 2 * 255);
  });
  return picture;
}

}  // namespace tessera::models
