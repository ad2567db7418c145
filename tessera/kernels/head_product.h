#pragma once
// Products of each head of x with a weight of its own.

#include <span>

#include "tessera/kernels/matmul.h"

namespace tessera::kernels {

// y[:, h] = x[:, h] W_hᵀ:  x [T, H, K] contiguous, weights H × [N, K] -> [T, H, N] in `dtype`, bit for bit what
// Products gives of each head alone. Heads are read and written where they lie, and threads share the work of all: a
// token's sixteen heads would start and join a loop each else. Throws Error if the shapes disagree.
Tensor ProductOfEachHead(const Tensor& x, std::span<const Tensor> weights, DType dtype, ProductPrecision precision);

}  // namespace tessera::kernels
