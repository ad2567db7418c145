#include "tessera/image/coordinates.h"

namespace tessera::image {
namespace {

// What the numbers of a point run to.
ImageSize Whole(const SeenImage& seen, PointConvention convention) {
  switch (convention) {
    case PointConvention::kThousandths:
      return {1000, 1000};
    case PointConvention::kFractions:
      return {1, 1};
    case PointConvention::kEncoderPixels:
      break;
  }
  return seen.encoded;
}

}  // namespace

Point ToOriginal(const Point& point, const SeenImage& seen, PointConvention convention) {
  const ImageSize whole = Whole(seen, convention);
  for (const ImageSize& size : {whole, seen.original})
    Require(size.height > 0 && size.width > 0, "coordinates: a picture of {} x {} pixels", size.width, size.height);
  return {point.x / static_cast<double>(whole.width) * static_cast<double>(seen.original.width),
          point.y / static_cast<double>(whole.height) * static_cast<double>(seen.original.height)};
}

std::string_view Name(PointConvention convention) {
  switch (convention) {
    case PointConvention::kThousandths:
      return "thousandths";
    case PointConvention::kFractions:
      return "fractions";
    case PointConvention::kEncoderPixels:
      break;
  }
  return "encoder_pixels";
}

}  // namespace tessera::image
