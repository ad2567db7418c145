#pragma once
// Products of many rows, on the tensor cores through cuBLASLt.

#include "tessera/core/tensor.h"
#include "tessera/kernels/matmul.h"

namespace tessera::kernels::cuda {

// y = f(x wᵀ + bias) in `dtype`, shapes and dtypes checked by the caller.
Tensor MultiplyManyRows(const Tensor& x, const WeightAndBias& weight, DType dtype);

// silu(gate) ∘ up, equal shapes, rounded once to their dtype.
Tensor SiluMulOf(const Tensor& gate, const Tensor& up);

}  // namespace tessera::kernels::cuda
