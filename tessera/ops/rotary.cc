#include "tessera/ops/rotary.h"

#include "tessera/kernels/cuda/operators.h"
#include "tessera/ops/checks.h"
#include "tessera/ops/differentiable.h"

namespace tessera::ops {

// y = R(θ) x;  dx = R(-θ) dy, since a rotation's transpose is its inverse;  ẏ = R(θ) ẋ
Tensor Rotary(const Tensor& x, const Tensor& cos, const Tensor& sin, RotaryLayout layout) {
  RequireFloat("rotary", x);
  RequireFloat("rotary", cos);
  RequireFloat("rotary", sin);
  Require(x.rank() == 3, "rotary: x has shape {}, it must be [T, H, D]", x.shape());
  Require(cos.dtype() == DType::kF32 && sin.dtype() == DType::kF32, "rotary: cos is {} and sin {}, they must be f32",
          Name(cos.dtype()), Name(sin.dtype()));
  Require(cos.rank() == 2 && cos.shape() == sin.shape() && cos.dim(0) == x.dim(0) && 2 * cos.dim(1) <= x.dim(2),
          "rotary: cos {} and sin {} must both be [T, R/2] with R <= D for x {}", cos.shape(), sin.shape(), x.shape());
  if (x.on_gpu()) return WithoutDerivatives(kernels::cuda::Rotary(x, cos, sin, {.layout = layout}), x);
  if (!Tracked(x)) return kernels::Rotary(x, cos, sin, {.layout = layout});
  const auto turn = [=](const Tensor& v, bool backwards) {
    return kernels::Rotary(v, cos, sin, {.layout = layout, .backwards = backwards});
  };
  return Differentiable(
      turn(x, false), {x}, [=](const Tensor& dy) { return std::vector{turn(dy, true)}; },
      [=](std::span<const Tensor> dx) { return turn(dx[0], false); });
}

}  // namespace tessera::ops
