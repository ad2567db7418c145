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
Tensor Cast(const Tensor& x, DType dtype);

// -d y³ / 2, the derivative of Rsqrt from its result y.
Tensor RsqrtDerivative(const Tensor& d, const Tensor& y);

}  // namespace tessera::kernels
