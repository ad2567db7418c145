#include "tessera/kernels/softmax.h"

#include <vector>

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/cpu/row_grain.h"
#include "tessera/kernels/reference/softmax.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tessera/kernels/cpu/softmax.cc"
#include "tessera/kernels/cpu/targets.h"
// after targets.h:
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tessera/kernels/cpu/functions-inl.h"

#ifndef TESSERA_KERNELS_CPU_SOFTMAX_ARGS
#define TESSERA_KERNELS_CPU_SOFTMAX_ARGS
namespace tessera::kernels {

struct SoftmaxRow {
  DType dtype;             // f32, bf16 or f16
  const std::byte *x, *y;  // [n]; y only for derivatives
  std::byte* out;          // [n]
  float* scratch;          // [n], for the exponentials
  int64_t n;
};

}  // namespace tessera::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;
using lanes::Constant;
using lanes::Vector;

// Calls body(x, y, out) with the row's pointers in their type.
template <typename Body>
HWY_INLINE void WithRow(const SoftmaxRow& row, const Body& body) {
  lanes::WithType(row.dtype, [&]<typename T>(T) HWY_ATTR {
    body(reinterpret_cast<const T*>(row.x), reinterpret_cast<const T*>(row.y), reinterpret_cast<T*>(row.out));
  });
}

// m = max x;  e = exp(x - m);  y = e / Σ e
void SoftmaxOfRow(const SoftmaxRow& row) {
  WithRow(row, [&]<typename T>(const T* x, const T*, T* out) HWY_ATTR {
    const Vector m = Constant(lanes::Reduce(
        lanes::Greatest(), row.n, [](Vector v) HWY_ATTR { return v; }, x));
    lanes::Map(
        row.n, row.scratch, [&](Vector v) HWY_ATTR { return lanes::Exp(hn::Sub(v, m)); }, x);
    const Vector sum = Constant(lanes::Reduce(
        lanes::Sum(), row.n, [](Vector e) HWY_ATTR { return e; }, row.scratch));
    const float* e = row.scratch;
    lanes::Map(
        row.n, out, [&](Vector v) HWY_ATTR { return hn::Div(v, sum); }, e);
  });
}

// y = x - m - ln Σ exp(x - m)
void LogSoftmaxOfRow(const SoftmaxRow& row) {
  WithRow(row, [&]<typename T>(const T* x, const T*, T* out) HWY_ATTR {
    const Vector m = Constant(lanes::Reduce(
        lanes::Greatest(), row.n, [](Vector v) HWY_ATTR { return v; }, x));
    const auto shifted_exp = [&](Vector v) HWY_ATTR { return lanes::Exp(hn::Sub(v, m)); };
    const Vector log_sum = Constant(std::log(lanes::Reduce(lanes::Sum(), row.n, shifted_exp, x)));
    lanes::Map(
        row.n, out, [&](Vector v) HWY_ATTR { return hn::Sub(hn::Sub(v, m), log_sum); }, x);
  });
}

// y ∘ (d - Σ d ∘ y)
void SoftmaxSlope(const SoftmaxRow& row) {
  WithRow(row, [&]<typename T>(const T* d, const T* y, T* out) HWY_ATTR {
    const auto product = [](Vector a, Vector b) HWY_ATTR { return hn::Mul(a, b); };
    const Vector dot = Constant(lanes::Reduce(lanes::Sum(), row.n, product, d, y));
    lanes::Map(
        row.n, out, [&](Vector a, Vector b) HWY_ATTR { return hn::Mul(b, hn::Sub(a, dot)); }, d, y);
  });
}

// dy - e^y Σ dy
void LogSoftmaxVjpOfRow(const SoftmaxRow& row) {
  WithRow(row, [&]<typename T>(const T* d, const T* y, T* out) HWY_ATTR {
    const Vector sum = Constant(lanes::Reduce(
        lanes::Sum(), row.n, [](Vector a) HWY_ATTR { return a; }, d));
    lanes::Map(
        row.n, out, [&](Vector a, Vector b) HWY_ATTR { return hn::NegMulAdd(lanes::Exp(b), sum, a); }, d, y);
  });
}

// ẋ - Σ e^y ∘ ẋ
void LogSoftmaxJvpOfRow(const SoftmaxRow& row) {
  WithRow(row, [&]<typename T>(const T* d, const T* y, T* out) HWY_ATTR {
    const auto product = [](Vector a, Vector b) HWY_ATTR { return hn::Mul(a, lanes::Exp(b)); };
    const Vector dot = Constant(lanes::Reduce(lanes::Sum(), row.n, product, d, y));
    lanes::Map(
        row.n, out, [&](Vector a) HWY_ATTR { return hn::Sub(a, dot); }, d);
  });
}

float ExpSumOf(std::span<const float> x, float shift, float scale, float most) {
  const auto term = [&](Vector v) HWY_ATTR {
    const Vector e = lanes::Exp(hn::Mul(hn::Sub(v, Constant(shift)), Constant(scale)));
    return hn::IfThenElse(hn::Gt(v, Constant(most)), Constant(0.0f), e);
  };
  return lanes::Reduce(lanes::Sum(), std::ssize(x), term, x.data());
}

}  // namespace
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {
namespace {

HWY_EXPORT(SoftmaxOfRow);
HWY_EXPORT(LogSoftmaxOfRow);
HWY_EXPORT(SoftmaxSlope);
HWY_EXPORT(LogSoftmaxVjpOfRow);
HWY_EXPORT(LogSoftmaxJvpOfRow);
HWY_EXPORT(ExpSumOf);

Tensor EachRow(void (*kernel)(const SoftmaxRow&), const Tensor& x, const Tensor& y) {
  Tensor result = Tensor::Empty(x.shape(), x.dtype());
  if (x.numel() == 0) return result;
  const int64_t n = x.dim(-1), step = n * Info(x.dtype()).block_bytes;
  std::byte* out = result.mutable_raw();
  ParallelForRange(x.numel() / n, RowGrain(n), [&](int64_t begin, int64_t end) {
    std::vector<float> scratch(static_cast<size_t>(n));
    for (int64_t t = begin; t < end; ++t)
      kernel({x.dtype(), x.raw() + t * step, y.raw() + t * step, out + t * step, scratch.data(), n});
  });
  return result;
}

bool IsDouble(const Tensor& x) { return x.dtype() == DType::kF64; }

}  // namespace

Tensor Softmax(const Tensor& x) {
  return IsDouble(x) ? reference::Softmax(x) : EachRow(TESSERA_DISPATCH(SoftmaxOfRow), x, x);
}
Tensor LogSoftmax(const Tensor& x) {
  return IsDouble(x) ? reference::LogSoftmax(x) : EachRow(TESSERA_DISPATCH(LogSoftmaxOfRow), x, x);
}

float ExpSum(std::span<const float> x, float shift, float scale, float most) {
  return TESSERA_DISPATCH(ExpSumOf)(x, shift, scale, most);
}
Tensor SoftmaxDerivative(const Tensor& d, const Tensor& y) {
  return IsDouble(d) ? reference::SoftmaxDerivative(d, y) : EachRow(TESSERA_DISPATCH(SoftmaxSlope), d, y);
}
Tensor LogSoftmaxVjp(const Tensor& dy, const Tensor& y) {
  return IsDouble(dy) ? reference::LogSoftmaxVjp(dy, y) : EachRow(TESSERA_DISPATCH(LogSoftmaxVjpOfRow), dy, y);
}
Tensor LogSoftmaxJvp(const Tensor& dx, const Tensor& y) {
  return IsDouble(dx) ? reference::LogSoftmaxJvp(dx, y) : EachRow(TESSERA_DISPATCH(LogSoftmaxJvpOfRow), dx, y);
}

}  // namespace tessera::kernels
#endif
