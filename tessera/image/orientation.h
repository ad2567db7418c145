#pragma once
// How a camera was held, as its EXIF data say (tag 0x0112 of the EXIF standard, section 4.6.4).

#include <string_view>

#include "tessera/image/image.h"

namespace tessera::image {

// The orientation 1 … 8 in an EXIF block ("Exif\0\0", then TIFF); 1 where it is absent or damaged.
int ExifOrientation(std::string_view exif);

// The picture as it is shown; orientations 5 … 8 swap its sides.
//   1 as it is           2 mirrored            3 turned by 180°      4 upside down, mirrored
//   5 along the diagonal 6 turned clockwise    7 across the diagonal 8 turned counter-clockwise
Tensor Turned(const Tensor& picture, int orientation);

inline ImageSize TurnedSize(const ImageSize& size, int orientation) {
  return orientation >= 5 ? ImageSize{size.width, size.height} : size;
}

}  // namespace tessera::image
