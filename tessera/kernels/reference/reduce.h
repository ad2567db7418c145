#pragma once
// What kernels/reduce.h promises, written plainly: one thread, one value after the other. Tests compare the fast
// kernels with these in double, and f64 tensors are computed by them.

#include "tessera/core/tensor.h"
#include "tessera/kernels/reduce.h"

namespace tessera::kernels::reference {

Tensor SumAxis(const Tensor& x, int axis, double scale);
Tensor ExpandAxis(const Tensor& x, int axis, int64_t length, double scale);
std::pair<Tensor, Tensor> MaxAxis(const Tensor& x, int axis);
Tensor TakeAxis(const Tensor& x, int axis, const Tensor& index);
Tensor PutAxis(const Tensor& x, int axis, int64_t length, const Tensor& index);

}  // namespace tessera::kernels::reference
