#pragma once
// Normalisation of each picture over groups of channels: x [B, P, C] has P places of C channels, and group g of G holds
// channels g C/G … (g + 1) C/G - 1 of all places. Tensors are contiguous, floating point and of one dtype; statistics
// are f32 (f64 for f64). A picture's bits depend on that picture alone: sums add blocks of a fixed number of places in
// order, whatever the threads.

#include "tessera/core/tensor.h"

namespace tessera::kernels {

struct GroupNormResult {
  Tensor y;     // x̂ ∘ w + b,  x̂ = (x - mean) r
  Tensor mean;  // [B, G]
  Tensor r;     // [B, G]  1 / √(var(x) + eps), the variance over P C/G values
};
GroupNormResult GroupNorm(const Tensor& x, const Tensor& w, const Tensor& b, int64_t groups, float eps);

struct GroupNormGradients {
  Tensor dx, dw, db;
};
// dx = r (g - mean(g) - x̂ mean(x̂ ∘ g)) with g = w∘dy,  dw = Σ_{B, P} x̂ ∘ dy,  db = Σ_{B, P} dy
GroupNormGradients GroupNormVjp(const Tensor& dy, const Tensor& x, const Tensor& w, const GroupNormResult& forward);

struct GroupNormTangents {
  Tensor dx, dw, db;  // an undefined one is zero
};
// ẏ = w ∘ r (ẋ - mean(ẋ) - x̂ mean(x̂ ∘ ẋ)) + ẇ ∘ x̂ + ḃ
Tensor GroupNormJvp(const GroupNormTangents& tangents, const Tensor& x, const Tensor& w,
                    const GroupNormResult& forward);

}  // namespace tessera::kernels
