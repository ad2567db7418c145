#pragma once
// Pictures as Chameleon's own code prepares them for its VQ-GAN, and back.

#include "tessera/core/tensor.h"

namespace tessera::models {

// A picture u8 [H, W, 3 or 4] as u8 [S, S, 3]: on white where it is transparent, resized by Lanczos so that its shorter
// side is S (the other rounded, halves to the even number), and the middle cut out.
Tensor SquarePicture(const Tensor& picture, int64_t side);

// u8 [S, S, 3] -> f32 [1, S, S, 3]: x / 127.5 - 1.
Tensor ToPixels(const Tensor& square);

// f32 [1, S, S, 3] -> u8 [S, S, 3]: clamped to -1 … 1, then (x + 1) / 2 · 255 without its fraction.
Tensor FromPixels(const Tensor& pixels);

}  // namespace tessera::models
