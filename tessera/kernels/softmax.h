#pragma once
// Softmax along the last axis. Tensors are contiguous and floating point; a row's bits depend on that row alone.

#include <span>

#include "tessera/core/tensor.h"

namespace tessera::kernels {

// y = e^(x - max) / Σ e^(x - max). A row whose maximum is infinite, or that holds a NaN, becomes NaN.
Tensor Softmax(const Tensor& x);
// y = x - max - ln Σ e^(x - max)
Tensor LogSoftmax(const Tensor& x);

// Σ e^(scale (x - shift)) over the x that are not above `most`, to within 1e-6 of itself; NaN if one of them is. No
// exponent is above 0.
float ExpSum(std::span<const float> x, float shift, float scale, float most);

// y ∘ (d - Σ d ∘ y), from y = Softmax(x). The Jacobian is symmetric: VJP and JVP are this one function.
Tensor SoftmaxDerivative(const Tensor& d, const Tensor& y);
// dx = dy - e^y Σ dy, from y = LogSoftmax(x)
Tensor LogSoftmaxVjp(const Tensor& dy, const Tensor& y);
// ẏ = ẋ - Σ e^y ∘ ẋ
Tensor LogSoftmaxJvp(const Tensor& dx, const Tensor& y);

}  // namespace tessera::kernels
