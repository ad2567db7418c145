#pragma once
// Functions of each value by itself. Tensors are contiguous, f64, f32, bf16 or f16; a result has its operands' dtype,
// is computed in f32 (f64 for f64) and rounded once. A value's bits depend on its operands alone.
//
// NaN and infinities follow the formulas: log(-1) and NaN give NaN, exp(inf) = inf, log(0) = -inf, 1 / 0 = inf.

#include "tessera/core/tensor.h"

namespace tessera::kernels {

// Broadcasting as in numpy; operands of one dtype.
Tensor Add(const Tensor& a, const Tensor& b);
Tensor Sub(const Tensor& a, const Tensor& b);
Tensor Mul(const Tensor& a, const Tensor& b);
Tensor Div(const Tensor& a, const Tensor& b);

Tensor Affine(const Tensor& x, float scale, float shift);  // scale · x + shift, two roundings
Tensor Exp(const Tensor& x);
Tensor Log(const Tensor& x);
Tensor Sqrt(const Tensor& x);
Tensor Rsqrt(const Tensor& x);
Tensor Square(const Tensor& x);
Tensor Relu(const Tensor& x);       // max(x, 0); NaN stays NaN
Tensor Tanh(const Tensor& x);       //
Tensor Sigmoid(const Tensor& x);    // 1 / (1 + e^-x)
Tensor Silu(const Tensor& x);       // x σ(x)
Tensor Gelu(const Tensor& x);       // x Φ(x) = x/2 (1 + erf(x/√2))
Tensor GeluTanh(const Tensor& x);   // x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))
Tensor QuickGelu(const Tensor& x);  // x σ(1.702 x)
Tensor Cast(const Tensor& x, DType dtype);

Tensor SiluMul(const Tensor& gate, const Tensor& up);  // silu(gate) ∘ up, equal shapes, rounded once

// d ∘ f'(x) for one f, equal shapes: the VJP with d = dy and the JVP with d = ẋ.
Tensor ReluDerivative(const Tensor& d, const Tensor& x);     // 0 at x = 0
Tensor TanhDerivative(const Tensor& d, const Tensor& y);     // d (1 - y²), from the result y
Tensor SigmoidDerivative(const Tensor& d, const Tensor& y);  // d y (1 - y), from the result y
Tensor RsqrtDerivative(const Tensor& d, const Tensor& y);    // -d y³ / 2, from the result y
Tensor SiluDerivative(const Tensor& d, const Tensor& x);
Tensor GeluDerivative(const Tensor& d, const Tensor& x);
Tensor GeluTanhDerivative(const Tensor& d, const Tensor& x);
Tensor QuickGeluDerivative(const Tensor& d, const Tensor& x);

}  // namespace tessera::kernels
