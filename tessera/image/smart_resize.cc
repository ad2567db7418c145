#include "tessera/image/smart_resize.h"

#include <algorithm>
#include <cmath>

namespace tessera::image {
namespace {

constexpr int64_t kMaxAspect = 200;
constexpr int64_t kMaxSide = int64_t{1} << 31;

}  // namespace

ImageSize SmartResize(const ImageSize& size, const SmartResizeOptions& options) {
  const auto [height, width] = size;
  Require(height > 0 && width > 0 && height <= kMaxSide && width <= kMaxSide, "smart_resize: {} x {} pixels", width,
          height);
  Require(std::max(height, width) <= kMaxAspect * std::min(height, width),
          "smart_resize: {} x {} pixels: one side is more than {} times the other", width, height, kMaxAspect);
  Require(options.factor > 0 && options.min_pixels > 0 && options.min_pixels <= options.max_pixels,
          "smart_resize: a factor of {} and areas from {} to {} pixels", options.factor, options.min_pixels,
          options.max_pixels);
  const auto h = static_cast<double>(height), w = static_cast<double>(width),
             factor = static_cast<double>(options.factor);
  // nearbyint rounds halves to even, as Python's round does.
  const auto nearest = [&](double side) {
    return static_cast<int64_t>(std::nearbyint(side / factor)) * options.factor;
  };
  ImageSize best{nearest(h), nearest(w)};
  if (best.height * best.width > options.max_pixels) {
    const double beta = std::sqrt(h * w / static_cast<double>(options.max_pixels));
    const auto down = [&](double side) {
      return std::max(options.factor, static_cast<int64_t>(std::floor(side / beta / factor)) * options.factor);
    };
    best = {down(h), down(w)};
  } else if (best.height * best.width < options.min_pixels) {
    const double beta = std::sqrt(static_cast<double>(options.min_pixels) / (h * w));
    const auto up = [&](double side) { return static_cast<int64_t>(std::ceil(side * beta / factor)) * options.factor; };
    best = {up(h), up(w)};
  }
  return best;
}

}  // namespace tessera::image
