#pragma once
// Pictures made larger.

#include "tessera/core/tensor.h"

namespace tessera::ops {

// y[b, i, j] = x[b, ⌊i / s⌋, ⌊j / s⌋]: every pixel becomes a square of s x s
//
//   x        [B, H, W, C]      f64, f32, bf16 or f16, contiguous; channels along the last axis
//   returns  [B, s H, s W, C]  x's dtype
//
// Differentiable in x: the gradient of a pixel is the sum over its square. Throws Error unless s >= 1.
Tensor UpsampleNearest(const Tensor& x, int64_t s);

}  // namespace tessera::ops
