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
Tensor Relu(const Tensor& x);
Tensor Tanh(const Tensor& x);
Tensor Sigmoid(const Tensor& x);
Tensor Silu(const Tensor& x);
Tensor Gelu(const Tensor& x);
Tensor GeluTanh(const Tensor& x);
Tensor QuickGelu(const Tensor& x);
Tensor Cast(const Tensor& x, DType dtype);
Tensor SiluMul(const Tensor& gate, const Tensor& up);
Tensor ReluDerivative(const Tensor& d, const Tensor& x);
Tensor TanhDerivative(const Tensor& d, const Tensor& y);
Tensor SigmoidDerivative(const Tensor& d, const Tensor& y);
Tensor RsqrtDerivative(const Tensor& d, const Tensor& y);
Tensor SiluDerivative(const Tensor& d, const Tensor& x);
Tensor GeluDerivative(const Tensor& d, const Tensor& x);
Tensor GeluTanhDerivative(const Tensor& d, const Tensor& x);
Tensor QuickGeluDerivative(const Tensor& d, const Tensor& x);

}  // namespace tessera::kernels::reference
