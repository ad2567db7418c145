#pragma once
// Activation functions and their derivatives, each value by itself; as kernels/elementwise.h in all else.

#include "tessera/core/tensor.h"

namespace tessera::kernels {

Tensor Relu(const Tensor& x);       // max(x, 0); NaN stays NaN
Tensor Tanh(const Tensor& x);       //
Tensor Sigmoid(const Tensor& x);    // 1 / (1 + e^-x)
Tensor Silu(const Tensor& x);       // x σ(x)
Tensor Gelu(const Tensor& x);       // x Φ(x) = x/2 (1 + erf(x/√2))
Tensor GeluTanh(const Tensor& x);   // x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))
Tensor QuickGelu(const Tensor& x);  // x σ(1.702 x)

// One of these by name; kNone is x itself.
enum class Activation : uint8_t { kNone, kGelu, kGeluTanh, kQuickGelu };
Tensor Activate(const Tensor& x, Activation activation);

Tensor SiluMul(const Tensor& gate, const Tensor& up);  // silu(gate) ∘ up, equal shapes, rounded once
void SiluMulRow(const float* gate, const float* up, int64_t count,
                float* y);  // the same for `count` values; y may be gate

// d ∘ f'(x) for one f, equal shapes: the VJP with d = dy and the JVP with d = ẋ.
Tensor ReluDerivative(const Tensor& d, const Tensor& x);     // 0 at x = 0
Tensor TanhDerivative(const Tensor& d, const Tensor& y);     // d (1 - y²), from the result y
Tensor SigmoidDerivative(const Tensor& d, const Tensor& y);  // d y (1 - y), from the result y
Tensor SiluDerivative(const Tensor& d, const Tensor& x);
Tensor GeluDerivative(const Tensor& d, const Tensor& x);
Tensor GeluTanhDerivative(const Tensor& d, const Tensor& x);
Tensor QuickGeluDerivative(const Tensor& d, const Tensor& x);

}  // namespace tessera::kernels
