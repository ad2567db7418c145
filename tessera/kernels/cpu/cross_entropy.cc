#include "tessera/kernels/cross_entropy.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/cpu/row_grain.h"
#include "tessera/kernels/float_types.h"
#include "tessera/kernels/reference/cross_entropy.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tessera/kernels/cpu/cross_entropy.cc"
#include "tessera/kernels/cpu/targets.h"
// after targets.h:
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tessera/kernels/cpu/functions-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;
using lanes::Constant;
using lanes::Vector;

// lse = m + ln Σ exp(x - m), m = max x
float LogSumExp(DType dtype, const std::byte* row, int64_t n) {
  float lse = 0;
  lanes::WithType(dtype, [&]<typename T>(T) HWY_ATTR {
    const T* x = reinterpret_cast<const T*>(row);
    const float greatest = lanes::Reduce(
        lanes::Greatest(), n, [](Vector v) HWY_ATTR { return v; }, x);
    const Vector m = Constant(greatest);
    const auto term = [&](Vector v) HWY_ATTR { return lanes::Exp(hn::Sub(v, m)); };
    lse = greatest + std::log(lanes::Reduce(lanes::Sum(), n, term, x));
  });
  return lse;
}

// out = scale · exp(x - lse)
void ScaledSoftmax(DType dtype, const std::byte* row, int64_t n, float lse, float scale, std::byte* out) {
  lanes::WithType(dtype, [&]<typename T>(T) HWY_ATTR {
    const Vector l = Constant(lse), c = Constant(scale);
    const auto value = [&](Vector v) HWY_ATTR { return hn::Mul(c, lanes::Exp(hn::Sub(v, l))); };
    lanes::Map(n, reinterpret_cast<T*>(out), value, reinterpret_cast<const T*>(row));
  });
}

// Σ exp(x - lse) ∘ d
float SoftmaxDot(DType dtype, const std::byte* row, const std::byte* direction, int64_t n, float lse) {
  float dot = 0;
  lanes::WithType(dtype, [&]<typename T>(T) HWY_ATTR {
    const Vector l = Constant(lse);
    const auto term = [&](Vector v, Vector d) HWY_ATTR { return hn::Mul(lanes::Exp(hn::Sub(v, l)), d); };
    dot = lanes::Reduce(lanes::Sum(), n, term, reinterpret_cast<const T*>(row), reinterpret_cast<const T*>(direction));
  });
  return dot;
}

}  // namespace
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {
namespace {

HWY_EXPORT(LogSumExp);
HWY_EXPORT(ScaledSoftmax);
HWY_EXPORT(SoftmaxDot);

float ValueAt(const Tensor& x, int64_t index) {
  float value = 0;
  WithFloatType(x.dtype(), "cross_entropy", [&]<typename T>(T) { value = static_cast<float>(x.data<T>()[index]); });
  return value;
}

// The mean of the counted rows' terms, added in order in double.
Tensor Mean(std::span<const float> terms, int64_t counted) {
  double sum = 0;
  for (float term : terms) sum += term;
  return Tensor::Scalar(counted > 0 ? static_cast<float>(sum / static_cast<double>(counted)) : 0.0f);
}

}  // namespace

CrossEntropyResult CrossEntropy(const Tensor& logits, const CrossEntropyTarget& target) {
  if (logits.dtype() == DType::kF64) return reference::CrossEntropy(logits, target);
  const int64_t rows = logits.dim(0), n = logits.dim(1), step = n * Info(logits.dtype()).block_bytes;
  CrossEntropyResult result{.loss = {}, .lse = Tensor::Empty({rows})};
  const std::span<float> lse = result.lse.mutable_data<float>();
  std::vector<float> terms(static_cast<size_t>(rows));
  const auto kernel = TESSERA_DISPATCH(LogSumExp);
  ParallelForRange(rows, RowGrain(n), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      lse[t] = kernel(logits.dtype(), logits.raw() + t * step, n);
      if (target.labels[t] == target.ignore_index) continue;
      terms[t] = lse[t] - ValueAt(logits, t * n + target.labels[t]) + target.z_loss * lse[t] * lse[t];
    }
  });
  for (int64_t label : target.labels) result.counted += label != target.ignore_index;
  result.loss = Mean(terms, result.counted);
  return result;
}

Tensor CrossEntropyVjp(const Tensor& dy, const Tensor& logits, const CrossEntropyTarget& target,
                       const CrossEntropyResult& forward) {
  if (logits.dtype() == DType::kF64) return reference::CrossEntropyVjp(dy, logits, target, forward);
  const int64_t rows = logits.dim(0), n = logits.dim(1), step = n * Info(logits.dtype()).block_bytes;
  Tensor result = Tensor::Empty(logits.shape(), logits.dtype());
  std::byte* out = result.mutable_raw();
  const float scale = dy.item<float>() / static_cast<float>(forward.counted);
  const auto lse = forward.lse.data<float>();
  const auto kernel = TESSERA_DISPATCH(ScaledSoftmax);
  ParallelForRange(rows, RowGrain(n), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t label = target.labels[t];
      if (label == target.ignore_index) {
        std::memset(out + t * step, 0, static_cast<size_t>(step));
        continue;
      }
      const float weight = 1.0f + 2.0f * target.z_loss * lse[t];
      kernel(logits.dtype(), logits.raw() + t * step, n, lse[t], scale * weight, out + t * step);
      const float p = std::exp(ValueAt(logits, t * n + label) - lse[t]);  // again, before it was rounded
      WithFloatType(logits.dtype(), "cross_entropy", [&]<typename T>(T) {
        reinterpret_cast<T*>(out + t * step)[label] = T(scale * (weight * p - 1.0f));
      });
    }
  });
  return result;
}

Tensor CrossEntropyJvp(const Tensor& dlogits, const Tensor& logits, const CrossEntropyTarget& target,
                       const CrossEntropyResult& forward) {
  if (logits.dtype() == DType::kF64) return reference::CrossEntropyJvp(dlogits, logits, target, forward);
  const int64_t rows = logits.dim(0), n = logits.dim(1), step = n * Info(logits.dtype()).block_bytes;
  std::vector<float> terms(static_cast<size_t>(rows));
  const auto lse = forward.lse.data<float>();
  const auto kernel = TESSERA_DISPATCH(SoftmaxDot);
  ParallelForRange(rows, RowGrain(n), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t label = target.labels[t];
      if (label == target.ignore_index) continue;
      const float dot = kernel(logits.dtype(), logits.raw() + t * step, dlogits.raw() + t * step, n, lse[t]);
      terms[t] = (1.0f + 2.0f * target.z_loss * lse[t]) * dot - ValueAt(dlogits, t * n + label);
    }
  });
  return Mean(terms, forward.counted);
}

}  // namespace tessera::kernels
#endif
