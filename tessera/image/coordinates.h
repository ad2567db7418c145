#pragma once
// From a point that a model names to the pixel of the picture that a person or a program has. The model was shown the
// picture in another size, and families count differently; to confuse the two is to click in the wrong place.

#include "tessera/image/image.h"

namespace tessera::image {

// A picture as it is and as an encoder saw it.
struct SeenImage {
  ImageSize original, encoded;
};

enum class PointConvention : uint8_t {
  kThousandths,    // 0 … 1000 along each side, whatever the size (UI-TARS 1.0 on Qwen2-VL)
  kEncoderPixels,  // pixels of the picture as it was encoded (UI-TARS 1.5 on Qwen2.5-VL)
  kFractions,      // 0 … 1 along each side of the picture itself, padding not counted (Kimi-VL)
};

struct Point {
  double x = 0, y = 0;
};

// The point in pixels of the original picture; x to the right, y downwards, the upper left corner is (0, 0).
//
//   thousandths      (x / 1000 · W, y / 1000 · H)
//   encoder pixels   (x / W_encoded · W, y / H_encoded · H)
//   fractions        (x · W, y · H)
//
// A point outside the picture is given as it is: whether to refuse it is the caller's affair.
// Throws Error for an empty size.
Point ToOriginal(const Point& point, const SeenImage& seen, PointConvention convention);

// "thousandths", "encoder_pixels" or "fractions", as reports say it.
std::string_view Name(PointConvention convention);

}  // namespace tessera::image
