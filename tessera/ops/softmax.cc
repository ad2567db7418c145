#include "tessera/ops/softmax.h"

#include "tessera/kernels/softmax.h"
#include "tessera/ops/checks.h"
#include "tessera/ops/differentiable.h"

namespace tessera::ops {

// y = e^x / Σ e^x;  dx = y ∘ (dy - Σ dy ∘ y);  ẏ = y ∘ (ẋ - Σ ẋ ∘ y)
Tensor Softmax(const Tensor& x) {
  RequireFloat("softmax", x);
  Require(x.rank() > 0, "softmax: a scalar has no last axis");
  const Tensor y = kernels::Softmax(x);
  return Differentiable(
      y, {x}, [=](const Tensor& dy) { return std::vector{kernels::SoftmaxDerivative(dy, y)}; },
      [=](std::span<const Tensor> dx) { return kernels::SoftmaxDerivative(dx[0], y); });
}

// y = x - ln Σ e^x;  dx = dy - e^y Σ dy;  ẏ = ẋ - Σ e^y ∘ ẋ
Tensor LogSoftmax(const Tensor& x) {
  RequireFloat("log_softmax", x);
  Require(x.rank() > 0, "log_softmax: a scalar has no last axis");
  const Tensor y = kernels::LogSoftmax(x);
  return Differentiable(
      y, {x}, [=](const Tensor& dy) { return std::vector{kernels::LogSoftmaxVjp(dy, y)}; },
      [=](std::span<const Tensor> dx) { return kernels::LogSoftmaxJvp(dx[0], y); });
}

}  // namespace tessera::ops
