#pragma once
// Normalisation over the last axis, of length C; T is the number of rows. Tensors are contiguous, floating point and of
// one dtype; statistics are f32 (f64 for f64). A row's bits depend on that row alone. Sums over rows (dw, db) add rows
// in blocks of a fixed size, in order.

#include "tessera/core/tensor.h"

namespace tessera::kernels {

struct RmsNormResult {
  Tensor y;  // x r ∘ w
  Tensor r;  // [T]  1 / √(mean(x²) + eps)
};
RmsNormResult RmsNorm(const Tensor& x, const Tensor& w, float eps);

struct NormGradients {
  Tensor dx, dw, db;  // db only of LayerNorm
};
// dx = r (w∘dy - x̂ mean(x̂ ∘ w∘dy)),  dw = Σ_T x̂ ∘ dy,  with x̂ = r x
NormGradients RmsNormVjp(const Tensor& dy, const Tensor& x, const Tensor& w, const Tensor& r);
struct NormTangents {
  Tensor dx, dw, db;  // an undefined one is zero
};
// ẏ = w ∘ r (ẋ - x̂ mean(x̂ ∘ ẋ)) + ẇ ∘ x̂
Tensor RmsNormJvp(const NormTangents& tangents, const Tensor& x, const Tensor& w, const Tensor& r);

struct LayerNormResult {
  Tensor y;     // x̂ ∘ w + b,  x̂ = (x - mean) r
  Tensor mean;  // [T]
  Tensor r;     // [T]  1 / √(var(x) + eps), the variance over C values, not C - 1
};
// `b` may be undefined: no bias.
LayerNormResult LayerNorm(const Tensor& x, const Tensor& w, const Tensor& b, float eps);
// dx = r (g - mean(g) - x̂ mean(x̂ ∘ g)) with g = w∘dy,  dw = Σ_T x̂ ∘ dy,  db = Σ_T dy
NormGradients LayerNormVjp(const Tensor& dy, const Tensor& x, const Tensor& w, const LayerNormResult& forward);
// ẏ = w ∘ r (ẋ - mean(ẋ) - x̂ mean(x̂ ∘ ẋ)) + ẇ ∘ x̂ + ḃ
Tensor LayerNormJvp(const NormTangents& tangents, const Tensor& x, const Tensor& w, const LayerNormResult& forward);

}  // namespace tessera::kernels
