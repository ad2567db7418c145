#pragma once
// Copies that change the order of values, for any plain dtype; tensors are contiguous.

#include <span>

#include "tessera/core/tensor.h"

namespace tessera::kernels {

// x with two axes swapped.
Tensor Transpose(const Tensor& x, int axis_a, int axis_b);
// x at begin <= index < end along one axis.
Tensor Slice(const Tensor& x, int axis, int64_t begin, int64_t end);
// The adjoint: zeros with `length` places along `axis`, but for x from `begin` on.
Tensor Unslice(const Tensor& x, int axis, int64_t begin, int64_t length);
// Tensors of one dtype end to end along one axis; the other axes agree; at least one tensor.
Tensor Concat(std::span<const Tensor> parts, int axis);

}  // namespace tessera::kernels
