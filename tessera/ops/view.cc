#include "tessera/ops/view.h"

#include <algorithm>

#include "tessera/kernels/cuda/operators.h"
#include "tessera/kernels/view.h"
#include "tessera/ops/differentiable.h"

namespace tessera::ops {
namespace {

void Check(std::string_view where, const Tensor& x) {
  Require(x.defined(), "{}: the operand is undefined", where);
  Require(!IsQuantized(x.dtype()), "{}: {} is a block format; dequantise it first", where, Name(x.dtype()));
  Require(x.contiguous(), "{}: an operand of shape {} is not contiguous; call Contiguous() first", where, x.shape());
}

}  // namespace

// y = x;  dx = dy;  ẏ = ẋ, each under its own shape
Tensor Reshape(const Tensor& x, const Shape& shape) {
  Check("reshape", x);
  if (!Tracked(x)) return x.Reshape(shape);
  return Differentiable(
      x.Reshape(shape), {x}, [from = x.shape()](const Tensor& dy) { return std::vector{dy.Reshape(from)}; },
      [shape](std::span<const Tensor> dx) { return dx[0].Reshape(shape); });
}

// y = x[begin … end);  dx = dy there, 0 elsewhere;  ẏ = ẋ[begin … end)
Tensor Slice(const Tensor& x, int axis, int64_t begin, int64_t end) {
  Check("slice", x);
  axis = x.shape().Axis(axis);
  const Tensor view = x.Slice(axis, begin, end);
  if (x.on_gpu()) return WithoutDerivatives(view.contiguous() ? view : kernels::cuda::Slice(x, axis, begin, end), x);
  return Differentiable(
      view.contiguous() ? view : kernels::Slice(x, axis, begin, end), {x},
      [=, length = x.dim(axis)](const Tensor& dy) { return std::vector{kernels::Unslice(dy, axis, begin, length)}; },
      [=](std::span<const Tensor> dx) { return kernels::Slice(dx[0], axis, begin, end); });
}

// y = xᵀ;  dx = dyᵀ;  ẏ = ẋᵀ
Tensor Transpose(const Tensor& x, int axis_a, int axis_b) {
  Check("transpose", x);
  const auto swap = [=](const Tensor& v) { return kernels::Transpose(v, axis_a, axis_b); };
  return Differentiable(
      swap(x), {x}, [=](const Tensor& dy) { return std::vector{swap(dy)}; },
      [=](std::span<const Tensor> dx) { return swap(dx[0]); });
}

// y = [x1, x2, …];  dxi = the part of dy that xi became;  ẏ = [ẋ1, ẋ2, …]
Tensor Concat(std::span<const Tensor> parts, int axis) {
  Require(!parts.empty(), "concat: no tensors");
  for (const Tensor& part : parts) Check("concat", part);
  axis = parts[0].shape().Axis(axis);
  std::vector<int64_t> begins{0};
  for (const Tensor& part : parts) {
    Require(part.dtype() == parts[0].dtype(), "concat: tensors are {} and {}; Cast one of them", Name(parts[0].dtype()),
            Name(part.dtype()));
    Require(part.rank() == parts[0].rank() && part.shape().Without(axis) == parts[0].shape().Without(axis),
            "concat: shapes {} and {} differ outside axis {}", parts[0].shape(), part.shape(), axis);
    begins.push_back(begins.back() + part.dim(axis));
  }
  std::vector<Tensor> inputs(parts.begin(), parts.end());
  if (parts[0].on_gpu()) {
    Require(axis == 0 && std::ranges::none_of(parts, Tracked), "concat: on a GPU, along the first axis, untracked");
    return kernels::cuda::Concat(parts);
  }
  std::vector<Shape> shapes;
  for (const Tensor& part : parts) shapes.push_back(part.shape());
  return Differentiable(
      kernels::Concat(parts, axis), std::move(inputs),
      [=](const Tensor& dy) {
        std::vector<Tensor> gradients;
        for (size_t i = 0; i + 1 < begins.size(); ++i)
          gradients.push_back(kernels::Slice(dy, axis, begins[i], begins[i + 1]));
        return gradients;
      },
      [=, dtype = parts[0].dtype()](std::span<const Tensor> d) {
        std::vector<Tensor> tangents;
        for (size_t i = 0; i < shapes.size(); ++i) tangents.push_back(d[i] ? d[i] : Tensor::Zeros(shapes[i], dtype));
        return kernels::Concat(tangents, axis);
      });
}

}  // namespace tessera::ops
