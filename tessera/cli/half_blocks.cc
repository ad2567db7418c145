#include "tessera/cli/half_blocks.h"

#include <fmt/format.h>

#include <algorithm>

#include "tessera/image/resize.h"

namespace tessera::cli {

std::string HalfBlocks(const Tensor& picture, int columns) {
  const auto [height, width] = image::SizeOf(picture, "terminal");
  const int64_t across = std::clamp<int64_t>(columns, 1, width);
  const int64_t down = std::max<int64_t>(2, (height * across / width + 1) / 2 * 2);
  const Tensor small = image::Resize(picture, {down, across}, image::ResizeFilter::kBicubic);
  const uint8_t* pixels = small.data<uint8_t>().data();
  std::string text;
  for (int64_t y = 0; y < down; y += 2) {
    for (int64_t x = 0; x < across; ++x) {
      const uint8_t *upper = pixels + (y * across + x) * 3, *lower = upper + across * 3;
      fmt::format_to(std::back_inserter(text), "\x1b[38;2;{};{};{}m\x1b[48;2;{};{};{}m▀", upper[0], upper[1], upper[2],
                     lower[0], lower[1], lower[2]);
    }
    text += "\x1b[0m\n";
  }
  return text;
}

}  // namespace tessera::cli
