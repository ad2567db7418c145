// y = f(x wᵀ + bias) for many rows of x. The product is cuBLASLt's: in bf16 where x and the weight have no more bits
// than that and their rows begin at multiples of 16 bytes, as its fast kernels want them; else in f32. A weight of
// another dtype is written out in the product's first, a part of its rows at a time, at the memory's speed. What
// cuBLASLt does not finish (an activation, a bias of another dtype) a kernel does, from f32 sums.

#include <algorithm>

#include "tessera/kernels/cuda/launch_chained.cuh"
#include "tessera/kernels/cuda/library_product.h"
#include "tessera/kernels/cuda/many_rows.cuh"
#include "tessera/kernels/cuda/weight_rows.cuh"

namespace tessera::kernels::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kPartBytes = int64_t{64} << 20;  // of a weight that is written out

int64_t Blocks(int64_t items) { return (items + kThreads - 1) / kThreads; }

// y[i] = f(sums[i] + bias[i mod N]); y may be the sums.
__global__ void __launch_bounds__(kThreads)
    FinishKernel(FloatsIn sums, FloatsIn bias, Activation activation, int64_t count, int64_t cols, FloatsOut y) {
  LetSuccessorStart();
  WaitForPredecessor();
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i < count) y.Set(i, Activated(__fadd_rn(sums.At(i), bias.At(i % cols)), activation));
}

// Eight values a thread; the last thread has what is left.
__global__ void __launch_bounds__(kThreads) SiluMulKernel(FloatsIn gate, FloatsIn up, int64_t count, FloatsOut y) {
  LetSuccessorStart();
  WaitForPredecessor();
  const int64_t i = (int64_t{blockIdx.x} * kThreads + threadIdx.x) * 8;
  if (i + 8 <= count) {
    float g[8], u[8];
    gate.Eight(i, g);
    up.Eight(i, u);
#pragma unroll
    for (int e = 0; e < 8; ++e) g[e] = Gated(g[e], u[e]);
    y.SetEight(i, g);
  } else {
    for (int64_t e = i; e < count; ++e) y.Set(e, Gated(gate.At(e), up.At(e)));
  }
}

Tensor InDType(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  Tensor y = Tensor::Empty(x.shape(), dtype, Device::kCuda);
  WriteRows(x, nullptr, 0, y);
  return y;
}

// sums = x wᵀ (+ bias), the weight in x's dtype a part of its rows at a time. A part is a multiple of 128 rows, so that
// its columns of the sums begin at a multiple of 256 bytes wherever the rows do.
void MultiplyInParts(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& sums) {
  if (weight.dtype() == x.dtype()) return LibraryProduct(x, weight, bias, 0, sums);
  const int64_t rows = weight.dim(0), cols = weight.dim(1), row_bytes = cols * Info(x.dtype()).block_bytes;
  const int64_t part = std::min(rows, std::max<int64_t>(kPartBytes / row_bytes / 128, 1) * 128);
  for (int64_t first = 0; first < rows; first += part) {
    Tensor written = Tensor::Empty({std::min(part, rows - first), cols}, x.dtype(), Device::kCuda);
    WriteRows(weight, nullptr, first, written);
    LibraryProduct(x, written, bias, first, sums);
  }
}

}  // namespace

Tensor MultiplyManyRows(const Tensor& x, const WeightAndBias& weight, DType dtype) {
  Require(x.dim(1) > 0, "product: rows of {} have no values", x.shape());
  const bool in_bf16 = x.dtype() == DType::kBF16 && weight.weight.dtype() != DType::kF32 && x.dim(1) % 8 == 0;
  const Tensor operand = InDType(x, in_bf16 ? DType::kBF16 : DType::kF32);
  Tensor y = Tensor::Empty({x.dim(0), weight.weight.dim(0)}, dtype, Device::kCuda);
  const bool all_bf16 = in_bf16 && dtype == DType::kBF16;
  const bool bias_there = all_bf16 && weight.bias.defined() && weight.bias.dtype() == DType::kBF16;
  const bool finish = weight.activation != Activation::kNone || (weight.bias.defined() && !bias_there) ||
                      (!in_bf16 && dtype != DType::kF32);
  if (!finish) {
    MultiplyInParts(operand, weight.weight, weight.bias, y);
    return y;
  }
  Tensor sums = dtype == DType::kF32 ? y : Tensor::Empty(y.shape(), DType::kF32, Device::kCuda);
  MultiplyInParts(operand, weight.weight, {}, sums);
  LaunchChained(FinishKernel, Blocks(y.numel()), kThreads, 0, ReadFloats(sums), ReadFloats(weight.bias),
                weight.activation, y.numel(), y.dim(1), WriteFloats(y));
  return y;
}

Tensor SiluMulOf(const Tensor& gate, const Tensor& up) {
  Tensor y = Tensor::Empty(gate.shape(), gate.dtype(), Device::kCuda);
  LaunchChained(SiluMulKernel, Blocks((y.numel() + 7) / 8), kThreads, 0, ReadFloats(gate), ReadFloats(up), y.numel(),
                WriteFloats(y));
  return y;
}

}  // namespace tessera::kernels::cuda
