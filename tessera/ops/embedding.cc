#include "tessera/ops/embedding.h"

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/cuda/products.h"
#include "tessera/kernels/gather.h"
#include "tessera/kernels/packed_weight.h"
#include "tessera/ops/checks.h"
#include "tessera/ops/differentiable.h"

namespace tessera::ops {
namespace {

// Block formats and packed weights are read row by row as f32; they have no derivative.
bool ReadsAsWeight(const Tensor& table) { return IsQuantized(table.dtype()) || table.packed(); }

void Check(const Tensor& table, const Tensor& ids) {
  Require(table.defined() && table.rank() == 2, "embedding: the table has shape {}, it must be [V, C]", table.shape());
  if (!ReadsAsWeight(table)) RequireFloat("embedding", table);
  Require(ids.defined() && ids.rank() == 1 && (ids.dtype() == DType::kI64 || ids.dtype() == DType::kI32),
          "embedding: ids are {} {}, they must be i64 or i32 of shape [T]", Name(ids.dtype()), ids.shape());
}

Tensor WeightRows(const Tensor& table, std::span<const int64_t> rows) {
  const int64_t width = table.dim(1);
  Tensor y = Tensor::Empty({static_cast<int64_t>(rows.size()), width});
  const std::span<float> out = y.mutable_data<float>();
  ParallelForRange(static_cast<int64_t>(rows.size()), 8, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t)
      kernels::ReadWeightRow(table, rows[t], out.subspan(static_cast<size_t>(t * width), static_cast<size_t>(width)));
  });
  return IsQuantized(table.dtype()) ? y : y.To(table.dtype());  // exact: the values were of that dtype
}

}  // namespace

// y[t] = E[ids[t]];  dE[v] = Σ_{ids[t] = v} dy[t];  ẏ[t] = Ė[ids[t]]
Tensor Embedding(const Tensor& table, const Tensor& ids) {
  Check(table, ids);
  if (table.on_gpu()) {  // ids that are there already were checked by whoever put them there
    if (!ids.on_gpu()) RequireRows("embedding", ids.Contiguous().To(DType::kI64).data<int64_t>(), table.dim(0));
    const Tensor there = ids.on_gpu() ? ids : ids.To(DType::kI64).To(Device::kCuda);
    const DType dtype = IsQuantized(table.dtype()) ? DType::kF32 : table.dtype();
    return WithoutDerivatives(kernels::cuda::WeightRows(table, there, dtype), table);
  }
  const Tensor rows = ids.Contiguous().To(DType::kI64);
  RequireRows("embedding", rows.data<int64_t>(), table.dim(0));
  if (ReadsAsWeight(table)) return WeightRows(table, rows.data<int64_t>());
  return Differentiable(
      kernels::GatherRows(table, rows.data<int64_t>()), {table},
      [rows, count = table.dim(0)](const Tensor& dy) {
        return std::vector{kernels::ScatterAddRows(dy, rows.data<int64_t>(), count)};
      },
      [rows](std::span<const Tensor> d) { return kernels::GatherRows(d[0], rows.data<int64_t>()); });
}

}  // namespace tessera::ops
