#pragma once
// Convolution over pictures.

#include "tessera/core/tensor.h"
#include "tessera/kernels/convolution.h"

namespace tessera::ops {

using kernels::ConvolutionWindow;

// y[b, i, j, o] = bias_o + Σ_{u, v, c} x̄[b, s i + u - top, s j + v - left, c] w[o, c, u, v]
//
//   x        [B, H, W, I]   channels run along the last axis; x̄ is x with the window's zeros around it
//   weight   [O, I, U, V]   as checkpoints keep it; x's dtype
//   bias     [O]            x's dtype, or undefined
//   window                  the stride s (in both directions) and the zeros above, left, below and right
//   returns  [B, H', W', O] H' = ⌊(H + top + bottom - U) / s⌋ + 1, W' alike; x's dtype
//
// Contiguous; f64, f32, bf16 or f16; sums run in f32 (f64 for f64) and are rounded once. A value's bits depend on the
// values under its window alone. Memory beside the operands and the result stays below 64 MiB whatever their size.
// Differentiable in x, weight and bias. Throws Error if shapes or dtypes disagree, or if the window does not fit.
Tensor Convolution(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvolutionWindow& window = {});

}  // namespace tessera::ops
