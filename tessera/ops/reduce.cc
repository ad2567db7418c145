#include "tessera/ops/reduce.h"

#include "tessera/kernels/reduce.h"
#include "tessera/ops/checks.h"
#include "tessera/ops/differentiable.h"

namespace tessera::ops {
namespace {

// y = c Σ x along one axis;  dx = c dy repeated along it;  ẏ = c Σ ẋ
Tensor ScaledSum(const Tensor& x, int axis, double scale) {
  const int64_t length = x.dim(axis);
  axis = x.shape().Axis(axis);
  return Differentiable(
      kernels::SumAxis(x, axis, scale), {x},
      [=](const Tensor& dy) { return std::vector{kernels::ExpandAxis(dy, axis, length, scale)}; },
      [=](std::span<const Tensor> dx) { return kernels::SumAxis(dx[0], axis, scale); });
}

// The same over all axes.
Tensor ScaledSumOfAll(const Tensor& x, double scale) {
  const Shape flat{x.numel()};
  return Differentiable(
      kernels::SumAxis(x.Reshape(flat), 0, scale), {x},
      [shape = x.shape(), flat, scale](const Tensor& dy) {
        return std::vector{kernels::ExpandAxis(dy, 0, flat[0], scale).Reshape(shape)};
      },
      [=](std::span<const Tensor> dx) { return kernels::SumAxis(dx[0].Reshape(flat), 0, scale); });
}

}  // namespace

Tensor Sum(const Tensor& x) {
  RequireFloat("sum", x);
  return ScaledSumOfAll(x, 1);
}

Tensor Mean(const Tensor& x) {
  RequireFloat("mean", x);
  return ScaledSumOfAll(x, 1.0 / static_cast<double>(x.numel()));
}

Tensor Sum(const Tensor& x, int axis) {
  RequireFloat("sum", x);
  return ScaledSum(x, axis, 1);
}

Tensor Mean(const Tensor& x, int axis) {
  RequireFloat("mean", x);
  return ScaledSum(x, axis, 1.0 / static_cast<double>(x.dim(axis)));
}

// y = x[i], i = argmax;  dx = dy at i, 0 elsewhere;  ẏ = ẋ[i]
Tensor Max(const Tensor& x, int axis) {
  RequireFloat("max", x);
  const int64_t length = x.dim(axis);
  Require(length > 0, "max: axis {} of {} is empty", axis, x.shape());
  axis = x.shape().Axis(axis);
  const auto [y, index] = kernels::MaxAxis(x, axis);
  return Differentiable(
      y, {x}, [=, i = index](const Tensor& dy) { return std::vector{kernels::PutAxis(dy, axis, length, i)}; },
      [=, i = index](std::span<const Tensor> dx) { return kernels::TakeAxis(dx[0], axis, i); });
}

}  // namespace tessera::ops
