#include "tessera/ops/gather.h"

#include "tessera/kernels/gather.h"
#include "tessera/ops/checks.h"
#include "tessera/ops/differentiable.h"

namespace tessera::ops {

// y[m] = x[rows[m]];  dx[n] = Σ_{rows[m] = n} dy[m];  ẏ[m] = ẋ[rows[m]]
Tensor GatherRows(const Tensor& x, const Tensor& rows) {
  Require(x.defined() && !IsQuantized(x.dtype()) && x.contiguous() && x.rank() == 2,
          "gather_rows: x {} must be a contiguous matrix of a plain dtype", x.shape());
  Require(rows.defined() && rows.rank() == 1, "gather_rows: rows {} must be [M]", rows.shape());
  RequireRows("gather_rows", rows.data<int64_t>(), x.dim(0));
  return Differentiable(
      kernels::GatherRows(x, rows.data<int64_t>()), {x},
      [rows, count = x.dim(0)](const Tensor& dy) {
        return std::vector{kernels::ScatterAddRows(dy, rows.data<int64_t>(), count)};
      },
      [rows](std::span<const Tensor> dx) { return kernels::GatherRows(dx[0], rows.data<int64_t>()); });
}

// y[n] = Σ_{rows[m] = n} x[m];  dx[m] = dy[rows[m]];  ẏ = the same sum of ẋ
Tensor ScatterAddRows(const Tensor& x, const Tensor& rows, int64_t count) {
  RequireFloat("scatter_add_rows", x);
  Require(x.rank() == 2, "scatter_add_rows: x {} must be [M, C]", x.shape());
  Require(rows.defined() && rows.shape() == Shape{x.dim(0)}, "scatter_add_rows: rows {} must name a row for each of {}",
          rows.shape(), x.dim(0));
  Require(count >= 0, "scatter_add_rows: a count of {} rows", count);
  RequireRows("scatter_add_rows", rows.data<int64_t>(), count);
  return Differentiable(
      kernels::ScatterAddRows(x, rows.data<int64_t>(), count), {x},
      [rows](const Tensor& dy) { return std::vector{kernels::GatherRows(dy, rows.data<int64_t>())}; },
      [rows, count](std::span<const Tensor> dx) {
        return kernels::ScatterAddRows(dx[0], rows.data<int64_t>(), count);
      });
}

}  // namespace tessera::ops
