#pragma once
// What kernels/softmax.h promises, written plainly: one thread, one value after the other. Tests compare the fast
// kernels with these in double, and f64 tensors are computed by them.

#include "tessera/core/tensor.h"
#include "tessera/kernels/softmax.h"

namespace tessera::kernels::reference {

Tensor Softmax(const Tensor& x);
Tensor LogSoftmax(const Tensor& x);
Tensor SoftmaxDerivative(const Tensor& d, const Tensor& y);
Tensor LogSoftmaxVjp(const Tensor& dy, const Tensor& y);
Tensor LogSoftmaxJvp(const Tensor& dx, const Tensor& y);
double ExpSum(std::span<const float> x, float shift, float scale, float most);

}  // namespace tessera::kernels::reference
