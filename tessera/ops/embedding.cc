#include "tessera/ops/embedding.h"

#include "tessera/kernels/gather.h"
#include "tessera/ops/checks.h"
#include "tessera/ops/differentiable.h"

namespace tessera::ops {

// y[t] = E[ids[t]];  dE[v] = Σ_{ids[t] = v} dy[t];  ẏ[t] = Ė[ids[t]]
Tensor Embedding(const Tensor& table, const Tensor& ids) {
  RequireFloat("embedding", table);
  Require(table.rank() == 2, "embedding: the table has shape {}, it must be [V, C]", table.shape());
  Require(ids.defined() && ids.rank() == 1 && (ids.dtype() == DType::kI64 || ids.dtype() == DType::kI32),
          "embedding: ids are {} {}, they must be i64 or i32 of shape [T]", Name(ids.dtype()), ids.shape());
  const Tensor rows = ids.Contiguous().To(DType::kI64);
  RequireRows("embedding", rows.data<int64_t>(), table.dim(0));
  return Differentiable(
      kernels::GatherRows(table, rows.data<int64_t>()), {table},
      [rows, count = table.dim(0)](const Tensor& dy) {
        return std::vector{kernels::ScatterAddRows(dy, rows.data<int64_t>(), count)};
      },
      [rows](std::span<const Tensor> d) { return kernels::GatherRows(d[0], rows.data<int64_t>()); });
}

}  // namespace tessera::ops
