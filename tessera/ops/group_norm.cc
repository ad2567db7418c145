#include "tessera/ops/group_norm.h"

#include <utility>

#include "tessera/kernels/group_norm.h"
#include "tessera/ops/checks.h"
#include "tessera/ops/differentiable.h"

namespace tessera::ops {
namespace {

void Check(const Tensor& x, const Tensor& w, const Tensor& b, int64_t groups) {
  RequireFloat("group_norm", x);
  Require(x.rank() >= 2, "group_norm: x {} must be [B, ..., C]", x.shape());
  for (const Tensor* vector : {&w, &b}) {
    RequireFloat("group_norm", *vector);
    RequireSameDType("group_norm", x, *vector);
    Require(vector->shape() == Shape{x.dim(-1)}, "group_norm: weight and bias must be [{}] as x {} says, not {}",
            x.dim(-1), x.shape(), vector->shape());
  }
  Require(groups >= 1 && x.dim(-1) % groups == 0, "group_norm: {} groups do not divide {} channels", groups, x.dim(-1));
}

// x as [B, P, C]
Tensor ByPlace(const Tensor& x) {
  const int64_t B = x.dim(0), C = x.dim(-1);
  int64_t P = 1;
  for (int axis = 1; axis + 1 < x.rank(); ++axis) P *= x.dim(axis);
  return x.Reshape({B, P, C});
}

}  // namespace

// y = x̂ ∘ w + b,  x̂ = (x - mean) r,  r = 1 / √(var + eps)
Tensor GroupNorm(const Tensor& x, const Tensor& w, const Tensor& b, const GroupNormOptions& options) {
  Check(x, w, b, options.groups);
  kernels::GroupNormResult forward = kernels::GroupNorm(ByPlace(x), w, b, options.groups, options.eps);
  const Tensor y = std::exchange(forward.y, {}).Reshape(x.shape());  // the derivatives need the statistics alone
  if (!AnyTracked(x, w, b)) return y;
  return Differentiable(
      y, {x, w, b},
      // dx = r (g - mean(g) - x̂ mean(x̂ ∘ g)) with g = w∘dy,  dw = Σ x̂ ∘ dy,  db = Σ dy
      [=](const Tensor& dy) {
        const auto [dx, dw, db] = kernels::GroupNormVjp(ByPlace(dy), ByPlace(x), w, forward);
        return std::vector{dx.Reshape(x.shape()), dw, db};
      },
      // ẏ = w ∘ r (ẋ - mean(ẋ) - x̂ mean(x̂ ∘ ẋ)) + ẇ ∘ x̂ + ḃ
      [=](std::span<const Tensor> d) {
        const Tensor dx = d[0] ? ByPlace(d[0]) : Tensor();
        return kernels::GroupNormJvp({.dx = dx, .dw = d[1], .db = d[2]}, ByPlace(x), w, forward).Reshape(x.shape());
      });
}

}  // namespace tessera::ops
