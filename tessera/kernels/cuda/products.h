#pragma once
// Products with a weight on a Hopper GPU: what kernels/matmul.h and kernels/packed_weight.h are on the CPU.
//
//   y = f(x wᵀ + bias)     x [M, K] f32 or bf16, contiguous, on the GPU;  w [N, K];  y [M, N] f32 or bf16
//
// Up to kFewRows rows are multiplied by a kernel that reads each weight once, at the memory's speed. A row's sums run
// in f32 in an order fixed by K and the dtypes: the same bits alone and in the company of up to kFewRows - 1 others. No
// operand is rounded.
// More rows go to the tensor cores through cuBLASLt, in bf16 with sums in f32; in f32 (and not the tensor cores) if x
// or the weight is f32. A weight in blocks, or of fewer bits than x, is first written out in x's dtype, a part at a
// time; in bf16 a block's values are rounded.

#include <span>
#include <vector>

#include "tessera/core/tensor.h"
#include "tessera/kernels/matmul.h"

namespace tessera::kernels::cuda {

inline constexpr int64_t kFewRows = 8;

// The weight [N, K] on the GPU, from the CPU: f32 and bf16 as they are; q8_0, q4_0 and q4_1 packed as
// kernels/cuda/block_weight.h says; every other dtype rounded to bf16 (f16 to bf16 too). Packed is Tensor::packed().
// K of a packed weight is a multiple of 32.
Tensor WeightToGpu(const Tensor& weight);

// y = f(a wᵀ + bias) in `dtype` for each of several weights of one a. Biases [N] are f32 or bf16, on the GPU, or
// undefined. Throws Error if shapes disagree or a dtype is not known here.
std::vector<Tensor> Products(const Tensor& a, std::span<const WeightAndBias> weights, DType dtype);

// silu(a gateᵀ) ∘ (a upᵀ) [M, N], in a's dtype.
Tensor ProductSiluMul(const Tensor& a, const Tensor& gate, const Tensor& up);

// y[t] = the row ids[t] of the weight [V, C]: ids i64 [T] on the GPU, each within the table (else the row is NaN);
// [T, C] in `dtype`.
Tensor WeightRows(const Tensor& weight, const Tensor& ids, DType dtype);

}  // namespace tessera::kernels::cuda
