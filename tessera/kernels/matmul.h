#pragma once
// Products of matrices. Both operands run along their last axis, as rows of activations and rows of a weight do:
//
//   y [M, N]     y[i][n] = Σ_k a[i][k] b[n][k]                             y = a bᵀ
//
// Any other product is one of these with views: A B = Product(A, B.Transpose(0, 1)).

#include <span>
#include <vector>

#include "tessera/core/tensor.h"
#include "tessera/kernels/activation.h"

namespace tessera::kernels {

enum class ProductPrecision : uint8_t {
  kFast,   // a is rounded to what the live kernels multiply b by: 8 bits a block of 32 for block formats, bf16 for bf16
  kExact,  // a keeps its bits; a block format is multiplied by the f32 values that it stands for
};

// y = a bᵀ in f32 (in f64 if an operand is f64).
//
//   a   [M, K]   f32, bf16, f16 or f64, with any strides
//   b   [N, K]   the same, with any strides; or a block format or a packed weight (kernels/packed_weight.h)
//
// Each y[i][n] is one chain of sums in f32 in an order fixed by K and the dtypes alone, so its bits depend neither on
// M, N and the other rows, nor on threads, nor on whether b is packed. bf16 times bf16 may use the processor's dot
// product of pairs, which flushes subnormal numbers to zero. A block of a that holds an infinity or NaN makes its row
// NaN when rounded to 8 bits.
Tensor Product(const Tensor& a, const Tensor& b, ProductPrecision precision = ProductPrecision::kFast);

// The products of one a [M, K] with several weights, bit for bit what Product gives for each. a is rounded and arranged
// once for all of them, and threads share the work of all: what a transformer's query, key and value need.
std::vector<Tensor> Products(const Tensor& a, std::span<const Tensor> weights,
                             ProductPrecision precision = ProductPrecision::kFast);

// y = f(a wᵀ + bias) in `dtype`, for each of several weights: bit for bit what Products gives with an addition in f32,
// one rounding and Activate behind it, which here happen before the sums leave the cache. With an operand of f64 the
// sums are in f64.
struct WeightAndBias {
  Tensor weight, bias;  // [N, K]; [N] of a floating dtype, or undefined
  Activation activation = Activation::kNone;
};
std::vector<Tensor> Products(const Tensor& a, std::span<const WeightAndBias> weights, DType dtype,
                             ProductPrecision precision);

// silu(a gateᵀ) ∘ (a upᵀ) [M, N], bit for bit what Products and SiluMul give: where both weights are of one kind the
// two products are never stored. a is f32; gate and up [N, K].
Tensor ProductSiluMul(const Tensor& a, const Tensor& gate, const Tensor& up,
                      ProductPrecision precision = ProductPrecision::kFast);

namespace reference {
// The definition in double, from operands of any dtype; f64 [M, N].
Tensor Product(const Tensor& a, const Tensor& b);
}  // namespace reference

}  // namespace tessera::kernels
