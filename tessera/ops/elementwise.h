#pragma once
// Operators on each value by itself. Tensors are contiguous and f64, f32, bf16 or f16; results have the operands'
// dtype, are computed in f32 (f64 for f64) and rounded at the end. All are differentiable.
//
// NaN and infinities follow the formulas. Throws Error for other dtypes, naming the operator.

#include "tessera/core/tensor.h"

namespace tessera::ops {

// a + b, a - b, a ∘ b, a / b. Shapes broadcast as in numpy: aligned at the last axis, a length of 1 repeats.
// Throws Error if dtypes differ or shapes do not broadcast.
Tensor Add(const Tensor& a, const Tensor& b);
Tensor Sub(const Tensor& a, const Tensor& b);
Tensor Mul(const Tensor& a, const Tensor& b);
Tensor Div(const Tensor& a, const Tensor& b);

Tensor Neg(const Tensor& x);                      // -x
Tensor Scale(const Tensor& x, float factor);      // factor · x
Tensor AddScalar(const Tensor& x, float addend);  // x + addend
Tensor Exp(const Tensor& x);                      // e^x
Tensor Log(const Tensor& x);                      // ln x
Tensor Sqrt(const Tensor& x);                     // √x
Tensor Rsqrt(const Tensor& x);                    // 1 / √x
Tensor Square(const Tensor& x);                   // x²
Tensor Relu(const Tensor& x);                     // max(x, 0); the derivative at 0 is 0
Tensor Tanh(const Tensor& x);                     //
Tensor Sigmoid(const Tensor& x);                  // σ(x) = 1 / (1 + e^-x)
Tensor Silu(const Tensor& x);                     // x σ(x)
Tensor Gelu(const Tensor& x);                     // x/2 (1 + erf(x/√2))
Tensor GeluTanh(const Tensor& x);                 // x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))
Tensor QuickGelu(const Tensor& x);                // x σ(1.702 x)

// The same values in another dtype, rounded to nearest even; gradients are cast back.
// Any plain dtype; derivatives only between floating types.
Tensor Cast(const Tensor& x, DType dtype);

// silu(gate) ∘ up in one pass, rounded once; equal shapes and dtypes.
Tensor SiluMul(const Tensor& gate, const Tensor& up);

}  // namespace tessera::ops
