#include "tessera/ops/cross_entropy.h"

#include "tessera/kernels/cross_entropy.h"
#include "tessera/ops/checks.h"
#include "tessera/ops/differentiable.h"

namespace tessera::ops {

// L = mean_t (lse - x[label] + z lse²)
Tensor CrossEntropy(const Tensor& logits, const Tensor& labels, const CrossEntropyOptions& options) {
  RequireFloat("cross_entropy", logits);
  Require(logits.rank() == 2, "cross_entropy: logits {} must be [T, V]", logits.shape());
  Require(labels.defined() && labels.shape() == Shape{logits.dim(0)},
          "cross_entropy: labels {} must hold one label for each row of logits {}", labels.shape(), logits.shape());
  const auto values = labels.data<int64_t>();
  for (size_t t = 0; t < values.size(); ++t) {
    Require((0 <= values[t] && values[t] < logits.dim(1)) || values[t] == options.ignore_index,
            "cross_entropy: label {} of row {} is outside 0 … {} and is not ignore_index {}", values[t], t,
            logits.dim(1) - 1, options.ignore_index);
  }
  const auto target = [=](const Tensor& of) {
    return kernels::CrossEntropyTarget{
        .labels = of.data<int64_t>(), .z_loss = options.z_loss, .ignore_index = options.ignore_index};
  };
  const kernels::CrossEntropyResult forward = kernels::CrossEntropy(logits, target(labels));
  return Differentiable(
      forward.loss, {logits},
      // dx = dL / n · ((1 + 2 z lse) softmax(x) - onehot(label))
      [=](const Tensor& dy) { return std::vector{kernels::CrossEntropyVjp(dy, logits, target(labels), forward)}; },
      // L̇ = mean_t ((1 + 2 z lse) Σ softmax(x) ∘ ẋ - ẋ[label])
      [=](std::span<const Tensor> dx) { return kernels::CrossEntropyJvp(dx[0], logits, target(labels), forward); });
}

}  // namespace tessera::ops
