#pragma once
// What kernels/view.h promises, written plainly: one thread, one value after the other. Tests compare the fast kernels
// with these in double, and f64 tensors are computed by them.

#include <span>

#include "tessera/core/tensor.h"
#include "tessera/kernels/view.h"

namespace tessera::kernels::reference {

Tensor Transpose(const Tensor& x, int axis_a, int axis_b);
Tensor Slice(const Tensor& x, int axis, int64_t begin, int64_t end);
Tensor Unslice(const Tensor& x, int axis, int64_t begin, int64_t length);
Tensor Concat(std::span<const Tensor> parts, int axis);

}  // namespace tessera::kernels::reference
