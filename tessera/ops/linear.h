#pragma once
// The product of activations with a weight matrix: nearly all the arithmetic of a transformer.

#include <optional>
#include <span>
#include <vector>

#include "tessera/core/storage.h"
#include "tessera/core/tensor.h"
#include "tessera/kernels/matmul.h"

namespace tessera::ops {

// y = x Wᵀ + b
//
//   x        [..., K]   f32, bf16, f16 or f64, contiguous
//   weight   [N, K]     f32, bf16, f16, f64, any block format, or what PackWeight returned
//   bias     [N]        or undefined
//   returns  [..., N]   in x's dtype
//
// Sums run in f32 in a fixed order over K that depends neither on the number of rows nor on threads: row t alone gives
// the same bits as row t among five hundred. With block formats x is rounded to 8 bits a block of 32 (q8_0) where the
// live kernels multiply integers, and with a bf16 weight to bf16 where they multiply pairs of it;
// `LinearPrecision::kExact` keeps it in f32.
// Derivatives in x, weight (plain dtypes) and bias. Throws Error if the shapes disagree; names the argument.
Tensor Linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

// With an activation function, y = f(x Wᵀ + b): bit for bit what that operator gives of Linear, in less time.
using LinearPrecision = kernels::ProductPrecision;
using Activation = kernels::Activation;
struct LinearOptions {
  Tensor bias = {};
  LinearPrecision precision = LinearPrecision::kFast;
  Activation activation = Activation::kNone;
  std::optional<DType> result = {};  // dtype of y; none: x's. Not with derivatives
};
Tensor Linear(const Tensor& x, const Tensor& weight, const LinearOptions& options);

// Several layers of one x, bit for bit what Linear gives for each: x is arranged once and threads share all the work.
struct LinearPart {
  Tensor weight, bias = {};
};
std::vector<Tensor> LinearEach(const Tensor& x, std::span<const LinearPart> parts,
                               LinearPrecision precision = LinearPrecision::kFast);

// y[:, h] = x[:, h] W_hᵀ: a layer for each head, x [T, H, K] and H weights [N, K] -> [T, H, N] in x's dtype, bit for
// bit what Linear gives of each head alone. In inference heads are read and written where they lie, in one parallel
// loop. With `beside` [T, H, P] of the same dtype, [y, beside] along the last axis: [T, H, N + P].
Tensor LinearOfEachHead(const Tensor& x, std::span<const Tensor> weights,
                        LinearPrecision precision = LinearPrecision::kFast, const Tensor& beside = {});

// y = silu(x W_gateᵀ + b_gate) ∘ (x W_upᵀ + b_up): the first half of a gated feed-forward layer (Shazeer 2020), bit for
// bit what SiluMul of the two layers gives. In inference without biases the two products are never stored.
Tensor GatedLinear(const Tensor& x, const LinearPart& gate, const LinearPart& up,
                   LinearPrecision precision = LinearPrecision::kFast);

// The weight [N, K] in the order that Linear reads fastest on the live instruction set; shape and meaning stay. Only
// Linear, Embedding and UnpackWeight understand the result; it has no derivative. A weight with no better order comes
// back as it is. With an arena the memory comes from there, and the pages of a mapped file that the weight lay in go
// back to the system.
Tensor PackWeight(const Tensor& weight, StorageArena* arena = nullptr);
Tensor UnpackWeight(const Tensor& packed);
// The weight on the GPU, as Linear and Embedding read it there (kernels/cuda/products.h).
Tensor WeightToGpu(const Tensor& weight);

// C = A B for plain dtypes, batched over equal leading axes: A [..., M, K], B [..., K, N] -> [..., M, N];
// differentiable.
Tensor MatMul(const Tensor& a, const Tensor& b);

}  // namespace tessera::ops
