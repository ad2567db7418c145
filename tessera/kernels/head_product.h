#pragma once
// Products of each head of x with a weight of its own.

#include <span>

#include "tessera/kernels/matmul.h"

namespace tessera::kernels {

// y[:, h] = x[:, h] W_hᵀ:  x [T, H, K] contiguous, weights H × [N, K] -> [T, H, N] in `dtype`, bit for bit what
// Products gives of each head alone. Heads are read and written where they lie, and threads share the work of all: a
// token's sixteen heads would start and join a loop each else. With `beside` [T, H, P], contiguous and in `dtype`, a
// head's numbers there follow those of y: [T, H, N + P]. Throws Error if the shapes disagree.
Tensor ProductOfEachHead(const Tensor& x, std::span<const Tensor> weights, DType dtype, ProductPrecision precision,
                         const Tensor& beside = {});

}  // namespace tessera::kernels
