#include "tessera/ops/norm.h"

#include <utility>

#include "tessera/kernels/cuda/operators.h"
#include "tessera/kernels/norm.h"
#include "tessera/ops/checks.h"
#include "tessera/ops/differentiable.h"
#include "tessera/ops/elementwise.h"

namespace tessera::ops {
namespace {

void CheckVector(std::string_view where, std::string_view name, const Tensor& vector, const Tensor& x) {
  RequireFloat(where, vector);
  Require(vector.shape() == Shape{x.dim(-1)},
          "{}: {} has shape {} but the last axis of x {} has {} values. Was it made for another hidden size?", where,
          name, vector.shape(), x.shape(), x.dim(-1));
  Require(vector.dtype() == x.dtype(), "{}: {} is {} but x is {}; Cast one of them", where, name, Name(vector.dtype()),
          Name(x.dtype()));
}

void Check(std::string_view where, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  RequireFloat(where, x);
  Require(x.rank() > 0, "{}: x is a scalar, it needs a last axis", where);
  CheckVector(where, "weight", weight, x);
  if (bias) CheckVector(where, "bias", bias, x);
}

}  // namespace

// y = x r ∘ w,  r = 1 / √(mean(x²) + eps)
Tensor RmsNorm(const Tensor& x, const Tensor& w, float eps) {
  Check("rms_norm", x, w, {});
  if (x.on_gpu()) return WithoutDerivatives(kernels::cuda::RmsNorm(x, w, eps), x, w);
  const auto [y, r] = kernels::RmsNorm(x, w, eps);
  if (!AnyTracked(x, w)) return y;
  return Differentiable(
      y, {x, w},
      // dx = r (w∘dy - x̂ mean(x̂ ∘ w∘dy)),  dw = Σ_T x̂ ∘ dy,  where x̂ = r x
      [=, r = r](const Tensor& dy) {
        const auto [dx, dw, unused] = kernels::RmsNormVjp(dy, x, w, r);
        return std::vector{dx, dw};
      },
      // ẏ = w ∘ r (ẋ - x̂ mean(x̂ ∘ ẋ)) + ẇ ∘ x̂
      [=, r = r](std::span<const Tensor> d) {
        return kernels::RmsNormJvp({.dx = d[0], .dw = d[1], .db = {}}, x, w, r);
      });
}

SumAndNorm AddRmsNorm(const Tensor& x, const Tensor& d, const Tensor& w, float eps) {
  if (!x.on_gpu()) {
    const Tensor h = Add(x, d);
    return {h, RmsNorm(h, w, eps)};
  }
  Check("add_rms_norm", x, w, {});
  const auto [h, y] = kernels::cuda::AddRmsNorm(x, d, w, eps);
  return {WithoutDerivatives(h, x, d, w), y};
}

// y = x̂ ∘ w + b,  x̂ = (x - mean(x)) r,  r = 1 / √(var(x) + eps)
Tensor LayerNorm(const Tensor& x, const Tensor& w, const Tensor& b, float eps) {
  Check("layer_norm", x, w, b);
  if (x.on_gpu()) return WithoutDerivatives(kernels::cuda::LayerNorm(x, w, b, eps), x, w);
  kernels::LayerNormResult forward = kernels::LayerNorm(x, w, b, eps);
  const Tensor y = std::exchange(forward.y, {});  // the derivatives need the statistics alone
  std::vector<Tensor> inputs{x, w};
  if (b) inputs.push_back(b);
  return Differentiable(
      y, std::move(inputs),
      // dx = r (g - mean(g) - x̂ mean(x̂ ∘ g)) with g = w∘dy,  dw = Σ_T x̂ ∘ dy,  db = Σ_T dy
      [=, has_bias = b.defined()](const Tensor& dy) {
        const auto [dx, dw, db] = kernels::LayerNormVjp(dy, x, w, forward);
        return has_bias ? std::vector{dx, dw, db} : std::vector{dx, dw};
      },
      // ẏ = w ∘ r (ẋ - mean(ẋ) - x̂ mean(x̂ ∘ ẋ)) + ẇ ∘ x̂ + ḃ
      [=](std::span<const Tensor> d) {
        return kernels::LayerNormJvp({.dx = d[0], .dw = d[1], .db = d.size() > 2 ? d[2] : Tensor()}, x, w, forward);
      });
}

}  // namespace tessera::ops
