#include "tessera/ops/gather.h"

#include "tessera/kernels/cuda/operators.h"
#include "tessera/kernels/gather.h"
#include "tessera/kernels/row_mixture.h"
#include "tessera/ops/checks.h"
#include "tessera/ops/differentiable.h"
#include "tessera/ops/elementwise.h"

namespace tessera::ops {
namespace {

kernels::RowMixture Mixture(const Tensor& rows, const Tensor& weights) {
  const auto places = rows.data<int64_t>();
  const Tensor plain = Detach(weights).Contiguous().To(DType::kF64);
  kernels::RowMixture mixture;
  for (int64_t m = 1; m <= rows.dim(0); ++m) mixture.begin.push_back(m * rows.dim(1));
  mixture.rows.assign(places.begin(), places.end());
  mixture.weights.assign(plain.data<double>().begin(), plain.data<double>().end());
  return mixture;
}

// <dy[m], x[rows[m, k]]> for each m and k, summed in double: [M, K].
Tensor RowProducts(const Tensor& dy, const Tensor& x, const Tensor& rows) {
  const Tensor a = dy.To(DType::kF64), b = x.To(DType::kF64);
  const auto left = a.data<double>(), right = b.data<double>();
  const auto places = rows.data<int64_t>();
  Tensor products = Tensor::Zeros(rows.shape(), DType::kF64);
  const auto out = products.mutable_data<double>();
  const auto C = static_cast<size_t>(x.dim(1)), K = static_cast<size_t>(rows.dim(1));
  for (size_t i = 0; i < out.size(); ++i) {
    const size_t from = i / K * C, row = static_cast<size_t>(places[i]) * C;
    for (size_t c = 0; c < C; ++c) out[i] += left[from + c] * right[row + c];
  }
  return products;
}

}  // namespace

// y[m] = x[rows[m]];  dx[n] = Σ_{rows[m] = n} dy[m];  ẏ[m] = ẋ[rows[m]]
Tensor GatherRows(const Tensor& x, const Tensor& rows) {
  Require(x.defined() && !IsQuantized(x.dtype()) && x.contiguous() && x.rank() == 2,
          "gather_rows: x {} must be a contiguous matrix of a plain dtype", x.shape());
  Require(rows.defined() && rows.rank() == 1, "gather_rows: rows {} must be [M]", rows.shape());
  if (rows.on_gpu()) return WithoutDerivatives(kernels::cuda::GatherRows(x, rows), x);  // checked on their way there
  RequireRows("gather_rows", rows.data<int64_t>(), x.dim(0));
  if (x.on_gpu()) return WithoutDerivatives(kernels::cuda::GatherRows(x, rows.To(Device::kCuda)), x);
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

// y = W x with W sparse, of the weights;  dx = Wᵀ dy,  dw[m, k] = <dy[m], x[rows[m, k]]>;  ẏ = W ẋ + Ẇ x
Tensor MixRows(const Tensor& x, const Tensor& rows, const Tensor& weights) {
  RequireFloat("mix_rows", x);
  Require(x.rank() == 2, "mix_rows: x {} must be [N, C]", x.shape());
  Require(rows.defined() && rows.rank() == 2 && weights.defined() && weights.shape() == rows.shape(),
          "mix_rows: rows {} and weights {} must both be [M, K]", rows.shape(), weights.shape());
  RequireRows("mix_rows", rows.data<int64_t>(), x.dim(0));
  const Tensor plain = Detach(x), plain_weights = Detach(weights);
  Tensor y = kernels::MixRows(plain, Mixture(rows, plain_weights));
  if (!AnyTracked(x, weights)) return y;
  return Differentiable(
      y, {x, weights},
      [=](const Tensor& dy) {
        const kernels::RowMixture transposed = kernels::Transposed(Mixture(rows, plain_weights), plain.dim(0));
        return std::vector{kernels::MixRows(dy, transposed), RowProducts(dy, plain, rows).To(plain_weights.dtype())};
      },
      [=](std::span<const Tensor> tangents) {
        Tensor sum;
        if (tangents[0]) sum = kernels::MixRows(tangents[0], Mixture(rows, plain_weights));
        if (tangents[1]) {
          const Tensor term = kernels::MixRows(plain, Mixture(rows, tangents[1]));
          sum = sum ? Add(sum, term) : term;
        }
        return sum;
      });
}

}  // namespace tessera::ops
