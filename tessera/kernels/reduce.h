#pragma once
// Sums and maxima along one axis, and their adjoints. Tensors are contiguous and floating point; sums run in f32 (f64
// for f64) in an order that depends on the length of the axis alone.

#include <utility>

#include "tessera/core/tensor.h"

namespace tessera::kernels {

// scale · Σ x along `axis`, which disappears; 0 for an axis of length 0.
Tensor SumAxis(const Tensor& x, int axis, double scale);
// The adjoint: x repeated `length` times along a new axis before `axis`, times scale.
Tensor ExpandAxis(const Tensor& x, int axis, int64_t length, double scale);

// The maxima along `axis`, which must not be empty, and where the first of each stands, i64. NaN counts as greatest.
std::pair<Tensor, Tensor> MaxAxis(const Tensor& x, int axis);
// x at index[…] of `axis`, which disappears.
Tensor TakeAxis(const Tensor& x, int axis, const Tensor& index);
// The adjoint: zeros with a new axis of `length` before `axis`, but for x at index[…].
Tensor PutAxis(const Tensor& x, int axis, int64_t length, const Tensor& index);

// An axis splits the others into those before it and those behind it.
struct AxisSplit {
  int64_t outer = 1, length = 1, inner = 1;
  AxisSplit(const Shape& shape, int axis) {
    axis = shape.Axis(axis);
    for (int i = 0; i < shape.rank(); ++i) (i < axis ? outer : i == axis ? length : inner) *= shape[i];
  }
};

}  // namespace tessera::kernels
