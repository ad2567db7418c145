#pragma once
// Rotary position embedding.

#include "tessera/core/tensor.h"
#include "tessera/kernels/rotary.h"

namespace tessera::ops {

// kHalves pairs value i with i + R/2 (the layout of Hugging Face checkpoints), kPairs 2i with 2i + 1 (the paper's).
using kernels::RotaryLayout;

// Pair i of every head of row t turns by the angle whose cosine and sine are cos[t, i] and sin[t, i]:
// (a, b) -> (a cos - b sin, b cos + a sin).                                               (Su et al. 2021, equation 34)
//
//   x         [T, H, D]  f64, f32, bf16 or f16, contiguous
//   cos, sin  [T, R/2]   f32; R <= D. The first R of the D values turn, the others stay
//   returns   [T, H, D]  x's dtype, computed in f32 (f64 for f64)
//
// Differentiable in x; the tables are constants. Throws Error if the shapes or dtypes disagree.
Tensor Rotary(const Tensor& x, const Tensor& cos, const Tensor& sin, RotaryLayout layout);

}  // namespace tessera::ops
