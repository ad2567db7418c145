#pragma once
// Gated feed-forward layers (Shazeer 2020, SwiGLU), alone or as the experts of a mixture.

#include <span>

#include "tessera/kernels/feed_forward.h"
#include "tessera/ops/linear.h"

namespace tessera::ops {

using kernels::FeedForwardPart;     // a layer and the rows of x that pass it; a row may pass several layers
using kernels::FeedForwardWeights;  // gate and up [F, K], down [N, F], as Linear takes them

// y = (silu(x W_gateᵀ) ∘ (x W_upᵀ)) W_downᵀ
//
//   x        [..., K]   f32, bf16, f16 or f64, contiguous
//   returns  [..., N]   in x's dtype
//
// Bit for bit what GatedLinear and Linear give. In inference with block formats nothing but blocks of 8 bits lies
// between the two. Derivatives in x and, for plain dtypes, the weights, which are those of the operators it is made of.
// Throws Error if the shapes disagree.
Tensor FeedForward(const Tensor& x, const FeedForwardWeights& weights,
                   LinearPrecision precision = LinearPrecision::kFast);

// Several layers with the same K and N: x [T, K] -> [Σ rows, N], the rows of the first part, then those of the next.
// Threads share the work of all parts; each row has the bits that FeedForward alone gives it. Derivatives as above.
Tensor FeedForwardEach(const Tensor& x, std::span<const FeedForwardPart> parts,
                       LinearPrecision precision = LinearPrecision::kFast);

}  // namespace tessera::ops
