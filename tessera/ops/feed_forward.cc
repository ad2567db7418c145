#include "tessera/ops/feed_forward.h"

#include "tessera/ops/differentiable.h"
#include "tessera/ops/gather.h"
#include "tessera/ops/view.h"

namespace tessera::ops {
namespace {

// Whether the kernel serves: it takes f32 on the processor and remembers nothing.
bool InInference(const Tensor& x, const FeedForwardWeights& w) {
  return x.dtype() == DType::kF32 && !x.on_gpu() && !AnyTracked(x, w.gate, w.up, w.down);
}

}  // namespace

Tensor FeedForward(const Tensor& x, const FeedForwardWeights& w, LinearPrecision precision) {
  if (!InInference(x, w)) {
    const Tensor hidden = GatedLinear(x, {.weight = w.gate}, {.weight = w.up}, precision);
    return Linear(hidden, w.down, LinearOptions{.precision = precision});
  }
  const Tensor rows = x.Contiguous().Reshape({x.shape().Without(-1).numel(), x.dim(-1)});
  return kernels::ProductSwiGlu(rows, w, precision).Reshape(x.shape().With(-1, w.down.dim(0)));
}

Tensor FeedForwardEach(const Tensor& x, std::span<const FeedForwardPart> parts, LinearPrecision precision) {
  bool inference = true;
  for (const FeedForwardPart& part : parts) inference = inference && InInference(x, part.weights);
  if (inference) return kernels::ProductSwiGluEach(x.Contiguous(), parts, precision);
  std::vector<Tensor> results;
  for (const FeedForwardPart& part : parts) {
    const Tensor rows = GatherRows(x, Tensor::From<int64_t>(part.rows, {std::ssize(part.rows)}));
    results.push_back(FeedForward(rows, part.weights, precision));
  }
  return Concat(results, 0);
}

}  // namespace tessera::ops
