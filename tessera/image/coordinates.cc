#include "tessera/image/coordinates.h"

namespace tessera::image {

Point ToOriginal(const Point& point, const SeenImage& seen, PointConvention convention) {
  const ImageSize whole = convention == PointConvention::kThousandths ? ImageSize{1000, 1000} : seen.encoded;
  for (const ImageSize& size : {whole, seen.original})
    Require(size.height > 0 && size.width > 0, "coordinates: a picture of {} x {} pixels", size.width, size.height);
  return {point.x / static_cast<double>(whole.width) * static_cast<double>(seen.original.width),
          point.y / static_cast<double>(whole.height) * static_cast<double>(seen.original.height)};
}

std::string_view Name(PointConvention convention) {
  return convention == PointConvention::kThousandths ? "thousandths" : "encoder_pixels";
}

}  // namespace tessera::image
