#pragma once
// Normalisation over the last axis.

#include "tessera/core/tensor.h"

namespace tessera::ops {

// y = x / √(mean(x²) + eps) ∘ w                                                    (Zhang & Sennrich 2019, equation 4)
//
//   x        [..., C]  f64, f32, bf16 or f16, contiguous
//   weight   [C]       x's dtype
//   returns  [..., C]  x's dtype; computed in f32 (f64 for f64) and rounded once
//
// A row of zeros gives zeros. A row's bits depend on that row alone. Differentiable in x and weight.
// Throws Error if the shapes or dtypes disagree; names the argument.
Tensor RmsNorm(const Tensor& x, const Tensor& weight, float eps);

// h = x + d and y = RmsNorm(h, w), bit for bit what Add and RmsNorm give: the sum that half a block of a transformer
// ends with, and the norm that the next half begins with. On a GPU it is one kernel.
struct SumAndNorm {
  Tensor sum, norm;
};
SumAndNorm AddRmsNorm(const Tensor& x, const Tensor& d, const Tensor& weight, float eps);

// y = (x - mean(x)) / √(var(x) + eps) ∘ w + b, var = mean((x - mean(x))²)              (Ba, Kiros & Hinton 2016)
// As RmsNorm; bias [C] or undefined. Differentiable in x, weight and bias.
Tensor LayerNorm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps);

}  // namespace tessera::ops
