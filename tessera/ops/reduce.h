#pragma once
// Sums, means and maxima. Tensors are contiguous and f64, f32, bf16 or f16; sums run in f32 (f64 for f64) in a fixed
// order and are rounded once. All are differentiable. Throws Error for other dtypes and for an axis outside the shape.

#include "tessera/core/tensor.h"

namespace tessera::ops {

// Of all values: shape []. The sum of no values is 0, their mean NaN.
Tensor Sum(const Tensor& x);
Tensor Mean(const Tensor& x);

// Along one axis (negative counts from the end), which disappears.
Tensor Sum(const Tensor& x, int axis);
Tensor Mean(const Tensor& x, int axis);
// The greatest value; NaN if there is one. The gradient goes to the first place that holds it.
// Throws Error for an axis of length 0.
Tensor Max(const Tensor& x, int axis);

}  // namespace tessera::ops
