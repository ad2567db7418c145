#pragma once
// Pictures: from files to the tensors that models take, and back.
//
//   Tensor picture = image::ReadImage("screen.png");                           // u8 [H, W, 3] or [H, W, 4]
//   Tensor rgb = image::WithoutAlpha(picture);                                 // u8 [H, W, 3]
//   Tensor seen = image::Resize(rgb, {728, 1288}, image::ResizeFilter::kBicubic);
//   image::WritePicture("seen.png", seen);
//
// A picture is a tensor u8 [H, W, C], rows from the top. C is 3 (red, green, blue) or 4 (and alpha, 255 is opaque; the
// colours are not multiplied by it). Colour profiles and gamma are left alone, as in the code that models were trained
// with.

#include <cstdint>

#include "tessera/core/tensor.h"

namespace tessera::image {

struct ImageSize {
  int64_t height = 0, width = 0;
  bool operator==(const ImageSize&) const = default;
};

// The size of a picture. Throws Error unless it is u8 [H, W, 3] or [H, W, 4] with pixels; `where` begins the message.
ImageSize SizeOf(const Tensor& picture, std::string_view where);

// u8 [H, W, 3]: the colours as they are, whatever the alpha; this very tensor if it has none.
Tensor WithoutAlpha(const Tensor& picture);
// u8 [H, W, 3]: what is seen with white behind the picture.
Tensor OnWhite(const Tensor& picture);

}  // namespace tessera::image
