#pragma once
// Normalisation over groups of channels.

#include "tessera/core/tensor.h"

namespace tessera::ops {

// y = (x - mean) / √(var + eps) ∘ w + b, mean and variance over all places of a group's channels  (Wu & He 2018)
//
//   x        [B, ..., C]  pictures, channels along the last axis; f64, f32, bf16 or f16, contiguous
//   weight   [C]          x's dtype
//   bias     [C]          x's dtype
//   groups                G, which divides C: group g holds channels g C/G … (g + 1) C/G - 1
//   returns  [B, ..., C]  x's dtype; computed in f32 (f64 for f64) and rounded once
//
// A picture's bits depend on that picture alone. Differentiable in x, weight and bias.
// Throws Error if shapes or dtypes disagree, or if G does not divide C.
struct GroupNormOptions {
  int64_t groups = 32;
  float eps = 1e-6f;
};
Tensor GroupNorm(const Tensor& x, const Tensor& weight, const Tensor& bias, const GroupNormOptions& options = {});

}  // namespace tessera::ops
