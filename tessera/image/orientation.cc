#include "tessera/image/orientation.h"

#include <cstring>

#include "tessera/core/thread_pool.h"
#include "tessera/image/byte_view.h"

namespace tessera::image {
namespace {

// Where pixel [0, 0] of the result comes from, and the steps, in pixels, to its right and lower neighbours' sources.
struct Walk {
  int64_t start, right, down;
};

Walk WalkOf(int orientation, int64_t height, int64_t width) {
  const int64_t last_column = width - 1, last_row = (height - 1) * width;
  switch (orientation) {
    case 2:
      return {last_column, -1, width};
    case 3:
      return {last_row + last_column, -1, -width};
    case 4:
      return {last_row, 1, -width};
    case 5:
      return {0, width, 1};
    case 6:
      return {last_row, -width, 1};
    case 7:
      return {last_row + last_column, -width, -1};
    default:  // 8
      return {last_column, width, -1};
  }
}

uint32_t Number(const ByteView& view, bool little, size_t at, int bytes) {
  if (bytes == 2) return little ? view.Little16(at) : view.Big16(at);
  return little ? view.Little32(at) : view.Big32(at);
}

}  // namespace

int ExifOrientation(std::string_view exif) {
  constexpr std::string_view kMark("Exif\0\0", 6);
  constexpr uint32_t kTag = 0x0112;
  if (!exif.starts_with(kMark)) return 1;
  const ByteView tiff(exif.substr(kMark.size()), "exif");
  try {
    const bool little = tiff.Part(0, 2) == "II";
    const size_t directory = Number(tiff, little, 4, 4);
    const size_t entries = Number(tiff, little, directory, 2);
    for (size_t i = 0; i < entries; ++i) {
      const size_t entry = directory + 2 + 12 * i;
      if (Number(tiff, little, entry, 2) != kTag) continue;
      const uint32_t orientation = Number(tiff, little, entry + 8, 2);
      return orientation >= 1 && orientation <= 8 ? static_cast<int>(orientation) : 1;
    }
  } catch (const Error&) {
    // A picture with damaged EXIF data is still a picture.
  }
  return 1;
}

Tensor Turned(const Tensor& picture, int orientation) {
  const ImageSize size = SizeOf(picture, "orientation");
  Require(orientation >= 1 && orientation <= 8, "orientation: {} is not 1 … 8", orientation);
  if (orientation == 1) return picture;
  const int64_t channels = picture.dim(2);
  const ImageSize turned = TurnedSize(size, orientation);
  const Walk walk = WalkOf(orientation, size.height, size.width);
  Tensor result = Tensor::Empty({turned.height, turned.width, channels}, DType::kU8);
  const uint8_t* from = picture.data<uint8_t>().data();
  uint8_t* to = result.mutable_data<uint8_t>().data();
  ParallelForRange(turned.height, 64, [&](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y)
      for (int64_t x = 0; x < turned.width; ++x)
        std::memcpy(to + (y * turned.width + x) * channels,
                    from + (walk.start + y * walk.down + x * walk.right) * channels, static_cast<size_t>(channels));
  });
  return result;
}

}  // namespace tessera::image
