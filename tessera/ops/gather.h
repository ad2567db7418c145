#pragma once
// Rows of a matrix chosen by index, the adjoint, and sums of chosen rows.

#include "tessera/core/tensor.h"

namespace tessera::ops {

// y[m] = x[rows[m]]
//
//   x        [N, C]  any plain dtype, contiguous
//   rows     [M]     i64, each in 0 … N - 1; may repeat
//   returns  [M, C]  x's dtype
//
// Differentiable in x (floating types). Throws Error if a row lies outside; names the place.
Tensor GatherRows(const Tensor& x, const Tensor& rows);

// y[n] = Σ over the m with rows[m] = n of x[m]; zeros in rows that none names.
//
//   x        [M, C]      f64, f32, bf16 or f16, contiguous
//   rows     [M]         i64, each in 0 … count - 1; may repeat
//   returns  [count, C]  x's dtype; added in the order of m in f32 (f64 for f64), rounded once
//
// Differentiable in x. Throws Error if a row lies outside; names the place.
Tensor ScatterAddRows(const Tensor& x, const Tensor& rows, int64_t count);

// y[m] = Σ_k weights[m, k] · x[rows[m, k]]
//
//   x        [N, C]  f64, f32, bf16 or f16, contiguous
//   rows     [M, K]  i64, each in 0 … N - 1; may repeat
//   weights  [M, K]  f32 (f64 with an x of f64)
//   returns  [M, C]  x's dtype; added in the order of k in f32 (f64 for f64), rounded once
//
// Differentiable in x and weights. Throws Error if a row lies outside; names the place.
Tensor MixRows(const Tensor& x, const Tensor& rows, const Tensor& weights);

}  // namespace tessera::ops
