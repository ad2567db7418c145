#pragma once
// The size at which a picture is shown to an encoder that takes any number of whole blocks (Qwen2-VL, section 2.1).

#include "tessera/image/image.h"

namespace tessera::image {

struct SmartResizeOptions {
  int64_t factor = 28;           // both sides become multiples: patch · merge
  int64_t min_pixels = 56 * 56;  // the area stays in these bounds, as far as whole blocks allow
  int64_t max_pixels = 14 * 14 * 4 * 1280;
};

// Each side rounded to the nearest multiple of `factor`, halves to the even one. If the area is too large, both sides
// are divided by β = √(H W / max_pixels) and rounded down; if too small, multiplied by β = √(min_pixels / (H W)) and
// rounded up. Throws Error if a side is more than 200 times the other, for an empty size, and for bounds out of order.
ImageSize SmartResize(const ImageSize& size, const SmartResizeOptions& options);

}  // namespace tessera::image
