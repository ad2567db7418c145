#pragma once
// What kernels/elementwise.h promises, written plainly: one thread, one value after the other. Tests compare the fast
// kernels with these in double, and f64 tensors are computed by them.

#include "tessera/core/tensor.h"
#include "tessera/kernels/elementwise.h"

namespace tessera::kernels::reference {

Tensor Add(const Tensor& a, const Tensor& b);
Tensor Sub(const Tensor& a, const Tensor& b);
Tensor Mul(const Tensor& a, const Tensor& b);
Tensor Div(const Tensor& a, const Tensor& b);
Tensor Affine(const Tensor& x, float scale, float shift);
Tensor Exp(const Tensor& x);
Tensor Log(const Tensor& x);
Tensor Sqrt(const Tensor& x);
Tensor Rsqrt(const Tensor& x);
Tensor Square(const Tensor& x);
Tensor Cast(const Tensor& x, DType dtype);
Tensor RsqrtDerivative(const Tensor& d, const Tensor& y);

}  // namespace tessera::kernels::reference
