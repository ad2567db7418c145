#pragma once
// What kernels/activation.h promises, written plainly: one thread, one value after the other. Tests compare the fast
// kernels with these in double, and f64 tensors are computed by them.

#include "tessera/core/tensor.h"
#include "tessera/kernels/activation.h"

namespace tessera::kernels::reference {

Tensor Relu(const Tensor& x);
Tensor Tanh(const Tensor& x);
Tensor Sigmoid(const Tensor& x);
Tensor Silu(const Tensor& x);
Tensor Gelu(const Tensor& x);
Tensor GeluTanh(const Tensor& x);
Tensor QuickGelu(const Tensor& x);
Tensor SiluMul(const Tensor& gate, const Tensor& up);
Tensor ReluDerivative(const Tensor& d, const Tensor& x);
Tensor TanhDerivative(const Tensor& d, const Tensor& y);
Tensor SigmoidDerivative(const Tensor& d, const Tensor& y);
Tensor SiluDerivative(const Tensor& d, const Tensor& x);
Tensor GeluDerivative(const Tensor& d, const Tensor& x);
Tensor GeluTanhDerivative(const Tensor& d, const Tensor& x);
Tensor QuickGeluDerivative(const Tensor& d, const Tensor& x);

}  // namespace tessera::kernels::reference
