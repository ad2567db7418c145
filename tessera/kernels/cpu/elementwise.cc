#include "tessera/kernels/elementwise.h"

#include "tessera/kernels/reference/elementwise.h"

namespace tessera::kernels {

Tensor Add(const Tensor& a, const Tensor& b) { return reference::Add(a, b); }
Tensor Sub(const Tensor& a, const Tensor& b) { return reference::Sub(a, b); }
Tensor Mul(const Tensor& a, const Tensor& b) { return reference::Mul(a, b); }
Tensor Div(const Tensor& a, const Tensor& b) { return reference::Div(a, b); }
Tensor Affine(const Tensor& x, float scale, float shift) { return reference::Affine(x, scale, shift); }
Tensor Exp(const Tensor& x) { return reference::Exp(x); }
Tensor Log(const Tensor& x) { return reference::Log(x); }
Tensor Sqrt(const Tensor& x) { return reference::Sqrt(x); }
Tensor Rsqrt(const Tensor& x) { return reference::Rsqrt(x); }
Tensor Square(const Tensor& x) { return reference::Square(x); }
Tensor Relu(const Tensor& x) { return reference::Relu(x); }
Tensor Tanh(const Tensor& x) { return reference::Tanh(x); }
Tensor Sigmoid(const Tensor& x) { return reference::Sigmoid(x); }
Tensor Silu(const Tensor& x) { return reference::Silu(x); }
Tensor Gelu(const Tensor& x) { return reference::Gelu(x); }
Tensor GeluTanh(const Tensor& x) { return reference::GeluTanh(x); }
Tensor QuickGelu(const Tensor& x) { return reference::QuickGelu(x); }
Tensor Cast(const Tensor& x, DType dtype) { return reference::Cast(x, dtype); }
Tensor SiluMul(const Tensor& gate, const Tensor& up) { return reference::SiluMul(gate, up); }
Tensor ReluDerivative(const Tensor& d, const Tensor& x) { return reference::ReluDerivative(d, x); }
Tensor TanhDerivative(const Tensor& d, const Tensor& y) { return reference::TanhDerivative(d, y); }
Tensor SigmoidDerivative(const Tensor& d, const Tensor& y) { return reference::SigmoidDerivative(d, y); }
Tensor RsqrtDerivative(const Tensor& d, const Tensor& y) { return reference::RsqrtDerivative(d, y); }
Tensor SiluDerivative(const Tensor& d, const Tensor& x) { return reference::SiluDerivative(d, x); }
Tensor GeluDerivative(const Tensor& d, const Tensor& x) { return reference::GeluDerivative(d, x); }
Tensor GeluTanhDerivative(const Tensor& d, const Tensor& x) { return reference::GeluTanhDerivative(d, x); }
Tensor QuickGeluDerivative(const Tensor& d, const Tensor& x) { return reference::QuickGeluDerivative(d, x); }

}  // namespace tessera::kernels
