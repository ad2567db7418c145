#pragma once
// Resizing, equal to the code that models were trained with. Each axis is a filter of its own: output i is a weighted
// sum of the inputs around its centre c = (i + 1/2) · s - 1/2, where s = input size / output size.
//
//   weight of input j ∝ f((j - c) / max(s, 1)), normalised to 1; the filter widens when shrinking (no aliasing)
//
//   bicubic   f(x) = (a + 2)|x|³ - (a + 3)x² + 1  for |x| < 1,  a|x|³ - 5a x² + 8a|x| - 4a  for |x| < 2   (Keys 1981)
//   Lanczos   f(x) = sinc(x) sinc(x / 3)          for |x| < 3

#include "tessera/image/image.h"

namespace tessera::image {

enum class ResizeFilter : uint8_t { kBicubic, kLanczos };

// A picture u8 [H, W, C] in another size, with the bits of Pillow's 8-bit resampling (a = -1/2): first along the rows,
// then along the columns, each rounded to 8 bits, with weights of 22 bits after the point. Alpha is a channel like the
// others. Throws Error for what is no picture, and for an empty size.
Tensor Resize(const Tensor& picture, const ImageSize& size, ResizeFilter filter);

// The same for f32 [H, W, C], bicubic, nothing rounded: torch's interpolate(mode="bicubic", antialias=True).
Tensor ResizeFloat(const Tensor& values, const ImageSize& size);

}  // namespace tessera::image
