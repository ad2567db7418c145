#pragma once
// Softmax along the last axis.

#include "tessera/core/tensor.h"

namespace tessera::ops {

// y = e^x / Σ e^x and y = x - ln Σ e^x along the last axis, safe from overflow (the maximum is taken out).
//
//   x        [..., N]  f64, f32, bf16 or f16, contiguous, at least one axis
//   returns  the same shape and dtype
//
// A row that is -inf throughout, that holds +inf, or that holds NaN becomes NaN, as the formula says.
// A row's bits depend on that row alone. Differentiable. Throws Error for other dtypes and for a scalar.
Tensor Softmax(const Tensor& x);
Tensor LogSoftmax(const Tensor& x);

}  // namespace tessera::ops
