#pragma once
// Looking tokens up in a table of vectors.

#include "tessera/core/tensor.h"

namespace tessera::ops {

// y[t] = table[ids[t]]
//
//   table    [V, C]  f64, f32, bf16, f16, any block format, or what PackWeight returned
//   ids      [T]     i64 or i32, each in 0 … V - 1
//   returns  [T, C]  the table's dtype; f32 for block formats
//
// Differentiable in a table of floating type: the gradient adds the rows of dy of one id, in the order of t.
// Throws Error if an id lies outside the table; names the place.
Tensor Embedding(const Tensor& table, const Tensor& ids);

}  // namespace tessera::ops
