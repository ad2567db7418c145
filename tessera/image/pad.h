#pragma once
// Other sizes without resampling.

#include "tessera/image/image.h"

namespace tessera::image {

// The picture u8 [H, W, C] in the upper left corner of one of `size`, black (and opaque) elsewhere; this very tensor if
// it has that size. Throws Error if it is larger.
Tensor PadBlack(const Tensor& picture, const ImageSize& size);

// The middle of the picture; where it is not exact, torchvision's: half the rest, halves to the even number, is cut off
// at the left and above. Throws Error if `size` is larger or empty.
Tensor CropMiddle(const Tensor& picture, const ImageSize& size);

}  // namespace tessera::image
