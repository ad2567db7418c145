#include "tessera/kernels/reference/cross_entropy.h"

#include <cmath>
#include <limits>

#include "tessera/kernels/float_types.h"

namespace tessera::kernels::reference {

CrossEntropyResult CrossEntropy(const Tensor& logits, const CrossEntropyTarget& target) {
  const int64_t rows = logits.dim(0), n = logits.dim(1);
  CrossEntropyResult result;
  WithFloatType(logits.dtype(), "cross_entropy", [&]<typename T>(T) {
    using C = ComputeType<T>;
    result.lse = Tensor::Empty({rows}, DTypeOf<C>);
    const auto in = logits.data<T>();
    C total = 0;
    for (int64_t t = 0; t < rows; ++t) {
      C greatest = -std::numeric_limits<C>::infinity(), sum = 0;
      for (int64_t i = 0; i < n; ++i) greatest = C(in[t * n + i]) > greatest ? C(in[t * n + i]) : greatest;
      for (int64_t i = 0; i < n; ++i) sum += std::exp(C(in[t * n + i]) - greatest);
      const C lse = greatest + std::log(sum);
      result.lse.mutable_data<C>()[t] = lse;
      if (target.labels[t] == target.ignore_index) continue;
      total += lse - C(in[t * n + target.labels[t]]) + C(target.z_loss) * lse * lse;
      ++result.counted;
    }
    result.loss = Tensor::Scalar(result.counted > 0 ? total / C(result.counted) : C(0));
  });
  return result;
}

Tensor CrossEntropyVjp(const Tensor& dy, const Tensor& logits, const CrossEntropyTarget& target,
                       const CrossEntropyResult& forward) {
  const int64_t rows = logits.dim(0), n = logits.dim(1);
  Tensor result = Tensor::Zeros(logits.shape(), logits.dtype());
  WithFloatType(logits.dtype(), "cross_entropy", [&]<typename T>(T) {
    using C = ComputeType<T>;
    const auto in = logits.data<T>();
    const auto out = result.mutable_data<T>();
    const C scale = dy.item<C>() / C(forward.counted);
    for (int64_t t = 0; t < rows; ++t) {
      if (target.labels[t] == target.ignore_index) continue;
      const C lse = forward.lse.data<C>()[t], weight = C(1) + 2 * C(target.z_loss) * lse;
      for (int64_t i = 0; i < n; ++i) {
        const C p = std::exp(C(in[t * n + i]) - lse);
        out[t * n + i] = T(scale * (weight * p - (i == target.labels[t] ? C(1) : C(0))));
      }
    }
  });
  return result;
}

Tensor CrossEntropyJvp(const Tensor& dlogits, const Tensor& logits, const CrossEntropyTarget& target,
                       const CrossEntropyResult& forward) {
  const int64_t rows = logits.dim(0), n = logits.dim(1);
  Tensor result;
  WithFloatType(logits.dtype(), "cross_entropy", [&]<typename T>(T) {
    using C = ComputeType<T>;
    const auto in = logits.data<T>(), d = dlogits.data<T>();
    C total = 0;
    for (int64_t t = 0; t < rows; ++t) {
      if (target.labels[t] == target.ignore_index) continue;
      const C lse = forward.lse.data<C>()[t];
      C dot = 0;  // d lse = Σ softmax ∘ dlogits
      for (int64_t i = 0; i < n; ++i) dot += std::exp(C(in[t * n + i]) - lse) * C(d[t * n + i]);
      total += (C(1) + 2 * C(target.z_loss) * lse) * dot - C(d[t * n + target.labels[t]]);
    }
    result = Tensor::Scalar(forward.counted > 0 ? total / C(forward.counted) : C(0));
  });
  return result;
}

}  // namespace tessera::kernels::reference
