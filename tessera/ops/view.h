#pragma once
// Operators that change where values stand, for any plain dtype; tensors are contiguous. Results are contiguous.
// Differentiable for floating types. Each throws Error if shapes or axes do not fit.

#include <span>

#include "tessera/core/tensor.h"

namespace tessera::ops {

// The same values in order under another shape of as many values; shares storage.
Tensor Reshape(const Tensor& x, const Shape& shape);

// x at begin <= index < end along one axis (negative counts from the end). Shares storage where the result is
// contiguous there, as along the first axis; else a copy.
Tensor Slice(const Tensor& x, int axis, int64_t begin, int64_t end);

// x with two axes swapped; a copy.
Tensor Transpose(const Tensor& x, int axis_a, int axis_b);

// Tensors of one dtype end to end along one axis; their other axes agree. At least one.
Tensor Concat(std::span<const Tensor> parts, int axis);

}  // namespace tessera::ops
