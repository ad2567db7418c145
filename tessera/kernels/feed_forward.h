#pragma once
// Gated feed-forward layers (Shazeer 2020, SwiGLU), one after the other for the rows that each takes:
//
//   y = (silu(x W_gateᵀ) ∘ (x W_upᵀ)) W_downᵀ

#include <span>
#include <vector>

#include "tessera/kernels/matmul.h"

namespace tessera::kernels {

struct FeedForwardWeights {
  Tensor gate, up, down;  // [F, K], [F, K], [N, F]: what Product multiplies
};

// A layer and the rows of x that pass it, which may repeat.
struct FeedForwardPart {
  FeedForwardWeights weights;
  std::vector<int64_t> rows;
};

// x [M, K] -> f32 [M, N]: bit for bit what ProductSiluMul and Product give. Where integers multiply all three weights
// what lies between the products is rounded where it arises, and never stored in f32. a is f32.
Tensor ProductSwiGlu(const Tensor& x, const FeedForwardWeights& weights,
                     ProductPrecision precision = ProductPrecision::kFast);

// The rows of all parts, one part after the other: [Σ rows, N], each row bit for bit what ProductSwiGlu gives of it.
// Two parallel loops for all of them: experts with few rows each would start and join a loop for every product else.
// All parts have the same K and N; their rows lie in x.
Tensor ProductSwiGluEach(const Tensor& x, std::span<const FeedForwardPart> parts,
                         ProductPrecision precision = ProductPrecision::kFast);

}  // namespace tessera::kernels
