#pragma once
// Learned tables fitted to other grids.

#include "tessera/core/tensor.h"

namespace tessera::ops {

// A table of vectors on a grid of H x W, read on one of h x w over the same area, by cubic convolution with a = -3/4
// (Keys 1981), four taps an axis whatever the scale; taps beyond the border take the border's vector:
//
//   y[i, j] = Σ_u Σ_v f(u - c_i) f(v - c_j) x[u, v],   c_i = (i + 1/2) H / h - 1/2 over the four nearest u; v likewise
//   f(t) = (a + 2)|t|³ - (a + 3)t² + 1 for |t| <= 1,   a|t|³ - 5a t² + 8a|t| - 4a for |t| < 2
//
// This is torch's interpolate(mode="bicubic", align_corners=False) without antialiasing; vision transformers fit their
// positions to a picture this way.
//
//   table    [H, W, C]   f64, f32, bf16 or f16, contiguous
//   returns  [h w, C]    rows in raster order, in the table's dtype; the very values if the grids are equal
//
// Differentiable in the table. Throws Error for an empty grid.
Tensor InterpolateGrid(const Tensor& table, int64_t height, int64_t width);

}  // namespace tessera::ops
