// Weights on the GPU, and rows of them. Memory traffic of rows: their bytes once, the results once.

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/cuda/block_weight.h"
#include "tessera/kernels/cuda/launch_chained.cuh"
#include "tessera/kernels/cuda/products.h"
#include "tessera/kernels/cuda/weight_rows.cuh"
#include "tessera/kernels/packed_weight.h"

namespace tessera::kernels::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int64_t kMostCols = int64_t{1} << 28;  // the bytes of a row and its last pieces are counted in an int

// One piece of one row a thread. ids null: the rows from `first` on.
template <class Format>
__global__ void __launch_bounds__(kThreads)
    RowsKernel(WeightView w, const int64_t* ids, int64_t first, int64_t count, int cols, int pieces, FloatsOut y) {
  LetSuccessorStart();
  WaitForPredecessor();
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x, t = i / pieces;
  if (t >= count) return;
  const int index = static_cast<int>(i % pieces);
  const int64_t row = ids == nullptr ? first + t : ids[t];
  const bool known = row >= 0 && row < w.rows;
  Piece<Format> piece;
  piece.Load(w.At(known ? row : 0), index);
#pragma unroll
  for (int b = 0; b < Format::kBlocks; ++b) {
    float values[8];
    piece.Values(b, values);
    const int k = (index / 4 * Format::kBlocks + b) * 32 + index % 4 * 8;
    if (k >= cols) break;
#pragma unroll
    for (int e = 0; e < 8; ++e)
      if (!known) values[e] = __int_as_float(0x7fffffff);
    y.SetEight(t * cols + k, values);
  }
}

// One value a thread, of f32 or bf16, whose rows may begin anywhere.
__global__ void __launch_bounds__(kThreads) SingleRowsKernel(FloatsIn w, int64_t rows, const int64_t* ids,
                                                             int64_t first, int64_t count, int cols, FloatsOut y) {
  LetSuccessorStart();
  WaitForPredecessor();
  const int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x, t = i / cols;
  if (t >= count) return;
  const int64_t row = ids == nullptr ? first + t : ids[t];
  y.Set(i, row >= 0 && row < rows ? w.At(row * cols + i % cols) : __int_as_float(0x7fffffff));
}

int64_t Blocks(int64_t items) { return (items + kThreads - 1) / kThreads; }

}  // namespace

bool IsKnownWeight(const Tensor& weight) {
  if (weight.packed()) return StaysInBlocks(weight.dtype());
  return weight.dtype() == DType::kF32 || weight.dtype() == DType::kBF16;
}

WeightView ViewOfWeight(const Tensor& weight) {
  const auto* values = weight.gpu_data<unsigned char>();
  Require(weight.dim(1) < kMostCols, "weight on the GPU: rows of {} values are more than kernels count", weight.dim(1));
  if (!weight.packed())
    return {values, nullptr, static_cast<int>(BytesFor(weight.dtype(), weight.dim(1))), 0, weight.dim(0)};
  const BlockWeightLayout layout = LayoutOfBlocks(weight.dtype(), weight.dim(0), weight.dim(1));
  return {values, values + layout.scales_at(), static_cast<int>(layout.row_bytes),
          static_cast<int>(layout.scale_row_bytes), layout.rows};
}

bool HasWholeRows(const Tensor& x) {
  if (x.packed()) return true;
  return x.dim(1) % 8 == 0 && reinterpret_cast<uintptr_t>(x.gpu_data()) % 16 == 0;
}

void WriteRows(const Tensor& weight, const int64_t* ids, int64_t first, Tensor& y) {
  const int64_t count = y.dim(0), cols = weight.dim(1);
  Require(cols < kMostCols, "weight rows: {} values a row are more than kernels count", cols);
  if (!HasWholeRows(weight) || !HasWholeRows(y)) {
    Require(!weight.packed(), "weight rows: {} {} are not whole blocks", Name(weight.dtype()), weight.shape());
    return LaunchChained(SingleRowsKernel, Blocks(count * cols), kThreads, 0, ReadFloats(weight), weight.dim(0), ids,
                         first, count, static_cast<int>(cols), WriteFloats(y));
  }
  WithWeightFormat(weight.dtype(), [&]<class Format>(Format) {
    const int64_t pieces = (cols + 32 * Format::kBlocks - 1) / (32 * Format::kBlocks) * 4;
    LaunchChained(RowsKernel<Format>, Blocks(count * pieces), kThreads, 0, ViewOfWeight(weight), ids, first, count,
                  static_cast<int>(cols), static_cast<int>(pieces), WriteFloats(y));
  });
}

Tensor WeightToGpu(const Tensor& weight) {
  Require(weight.defined() && weight.shape().rank() == 2, "weight on the GPU: it must be [N, K], not {}",
          weight.shape());
  if (StaysInBlocks(weight.dtype()) && weight.numel() > 0) {
    const BlockWeightLayout layout = LayoutOfBlocks(weight.dtype(), weight.dim(0), weight.dim(1));
    Tensor packed = Tensor::Empty({layout.bytes()}, DType::kU8);
    PackBlocks(weight, packed.mutable_raw());
    const std::shared_ptr<std::byte> memory = gpu::Allocate(layout.bytes());
    gpu::CopyIn(memory.get(), packed.raw(), layout.bytes());
    return Tensor::Packed(memory, memory.get(), layout.bytes(), weight.shape(), weight.dtype(), Device::kCuda);
  }
  if (!IsQuantized(weight.dtype())) {
    const Tensor plain = UnpackWeight(weight);
    return (plain.dtype() == DType::kF32 ? plain : plain.To(DType::kBF16)).To(Device::kCuda);
  }
  const int64_t cols = weight.dim(1);
  Tensor rounded = Tensor::Empty(weight.shape(), DType::kBF16);
  BFloat16* out = rounded.mutable_data<BFloat16>().data();
  ParallelForRange(weight.dim(0), 16, [&](int64_t begin, int64_t end) {
    std::vector<float> rows(static_cast<size_t>((end - begin) * cols));
    ReadWeightRows(weight, begin, end, rows);
    for (size_t i = 0; i < rows.size(); ++i) out[begin * cols + static_cast<int64_t>(i)] = BFloat16(rows[i]);
  });
  return rounded.To(Device::kCuda);
}

Tensor WeightRows(const Tensor& weight, const Tensor& ids, DType dtype) {
  Require(weight.defined() && weight.shape().rank() == 2 && IsKnownWeight(weight),
          "weight rows: the weight must come from WeightToGpu");
  Require(ids.dtype() == DType::kI64 && ids.shape().rank() == 1, "weight rows: ids must be i64 [T], not {} {}",
          Name(ids.dtype()), ids.shape());
  Require(dtype == DType::kF32 || dtype == DType::kBF16, "weight rows: {} results are not known on the GPU",
          Name(dtype));
  Tensor y = Tensor::Empty({ids.dim(0), weight.dim(1)}, dtype, Device::kCuda);
  if (y.numel() > 0) WriteRows(weight, ids.gpu_data<int64_t>(), 0, y);
  return y;
}

}  // namespace tessera::kernels::cuda
