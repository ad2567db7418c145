#include "tessera/kernels/norm.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/cpu/row_grain.h"
#include "tessera/kernels/float_types.h"
#include "tessera/kernels/reference/norm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tessera/kernels/cpu/norm.cc"
#include "tessera/kernels/cpu/targets.h"
// after targets.h:
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tessera/kernels/cpu/functions-inl.h"

#ifndef TESSERA_KERNELS_CPU_NORM_ARGS
#define TESSERA_KERNELS_CPU_NORM_ARGS
namespace tessera::kernels {

// Rows begin … end - 1 of an operand set. The RMS norm is a layer norm whose mean is taken as zero: mean is null.
struct NormRows {
  DType dtype;  // f32, bf16 or f16
  int64_t begin, end, n;
  float eps = 0;
  const std::byte *x = nullptr, *w = nullptr, *b = nullptr;    // [T, n], [n], [n] or null
  const std::byte *d = nullptr, *dw = nullptr, *db = nullptr;  // dy, or the tangents, each or null
  std::byte* y = nullptr;                                      // y, dx or ẏ
  const float *mean = nullptr, *r = nullptr;                   // [T] statistics, read by the derivatives
  float *new_mean = nullptr, *new_r = nullptr;                 // [T] the same, written by the forward pass
  float *sum_dw = nullptr, *sum_db = nullptr;                  // [n] added to; sum_db or null
  float* scratch = nullptr;                                    // [n], for the JVP
};

}  // namespace tessera::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;
using lanes::Constant;
using lanes::Vector;

template <typename T>
HWY_INLINE const T* Row(const std::byte* base, int64_t row) {
  return base == nullptr ? nullptr : reinterpret_cast<const T*>(base) + row;
}

template <typename T>
void NormalizeAs(const NormRows& rows) {
  const int64_t n = rows.n;
  const T *w = Row<T>(rows.w, 0), *b = Row<T>(rows.b, 0);
  for (int64_t t = rows.begin; t < rows.end; ++t) {
    const T* x = Row<T>(rows.x, t * n);
    T* y = reinterpret_cast<T*>(rows.y) + t * n;
    Vector mean = hn::Zero(lanes::Floats());
    if (rows.new_mean != nullptr) {
      rows.new_mean[t] = lanes::Reduce(
                             lanes::Sum(), n, [](Vector v) HWY_ATTR { return v; }, x) /
                         static_cast<float>(n);
      mean = Constant(rows.new_mean[t]);
    }
    const auto square = [&](Vector v) HWY_ATTR { return hn::Mul(hn::Sub(v, mean), hn::Sub(v, mean)); };
    const float squares = lanes::Reduce(lanes::Sum(), n, square, x);
    rows.new_r[t] = 1.0f / std::sqrt(squares / static_cast<float>(n) + rows.eps);
    const Vector r = Constant(rows.new_r[t]);
    const auto scaled = [&](Vector v, Vector vw) HWY_ATTR { return hn::Mul(hn::Mul(hn::Sub(v, mean), r), vw); };
    if (b == nullptr) {
      lanes::Map(n, y, scaled, x, w);
    } else {
      lanes::Map(
          n, y, [&](Vector v, Vector vw, Vector vb) HWY_ATTR { return hn::Add(scaled(v, vw), vb); }, x, w, b);
    }
  }
}
void Normalize(const NormRows& rows) {
  lanes::WithType(rows.dtype, [&]<typename T>(T) HWY_ATTR { NormalizeAs<T>(rows); });
}

// g = w∘dy, x̂ = (x - mean) r:  dx = r (g - mean(g) - x̂ mean(x̂ ∘ g));  dw += x̂ ∘ dy,  db += dy
template <typename T>
void VjpAs(const NormRows& rows) {
  const int64_t n = rows.n;
  const T* w = Row<T>(rows.w, 0);
  const float *old_dw = rows.sum_dw, *old_db = rows.sum_db;
  for (int64_t t = rows.begin; t < rows.end; ++t) {
    const T *x = Row<T>(rows.x, t * n), *dy = Row<T>(rows.d, t * n);
    T* dx = reinterpret_cast<T*>(rows.y) + t * n;
    const Vector mean = Constant(rows.mean != nullptr ? rows.mean[t] : 0.0f), r = Constant(rows.r[t]);
    const auto x_hat = [&](Vector v) HWY_ATTR { return hn::Mul(hn::Sub(v, mean), r); };
    const auto dot_term = [&](Vector v, Vector d, Vector vw) HWY_ATTR { return hn::Mul(x_hat(v), hn::Mul(vw, d)); };
    const auto sum_term = [](Vector d, Vector vw) HWY_ATTR { return hn::Mul(vw, d); };
    const float dot = lanes::Reduce(lanes::Sum(), n, dot_term, x, dy, w);
    const float sum = rows.mean != nullptr ? lanes::Reduce(lanes::Sum(), n, sum_term, dy, w) : 0.0f;
    const Vector mean_dot = Constant(dot / static_cast<float>(n)), mean_g = Constant(sum / static_cast<float>(n));
    lanes::Map(
        n, dx,
        [&](Vector v, Vector d, Vector vw) HWY_ATTR {
          const Vector g = hn::Sub(hn::Mul(vw, d), mean_g);
          return hn::Mul(r, hn::NegMulAdd(x_hat(v), mean_dot, g));
        },
        x, dy, w);
    lanes::Map(
        n, rows.sum_dw, [&](Vector s, Vector v, Vector d) HWY_ATTR { return hn::MulAdd(x_hat(v), d, s); }, old_dw, x,
        dy);
    if (rows.sum_db != nullptr)
      lanes::Map(
          n, rows.sum_db, [](Vector s, Vector d) HWY_ATTR { return hn::Add(s, d); }, old_db, dy);
  }
}
void NormVjp(const NormRows& rows) {
  lanes::WithType(rows.dtype, [&]<typename T>(T) HWY_ATTR { VjpAs<T>(rows); });
}

// ẏ = w ∘ r (ẋ - mean(ẋ) - x̂ mean(x̂ ∘ ẋ)) + ẇ ∘ x̂ + ḃ, term by term in f32
template <typename T>
void JvpAs(const NormRows& rows) {
  const int64_t n = rows.n;
  float* sum = rows.scratch;
  const T *w = Row<T>(rows.w, 0), *dw = Row<T>(rows.dw, 0), *db = Row<T>(rows.db, 0);
  const float* old = sum;
  for (int64_t t = rows.begin; t < rows.end; ++t) {
    const T* x = Row<T>(rows.x, t * n);
    const Vector mean = Constant(rows.mean != nullptr ? rows.mean[t] : 0.0f), r = Constant(rows.r[t]);
    const auto x_hat = [&](Vector v) HWY_ATTR { return hn::Mul(hn::Sub(v, mean), r); };
    std::fill_n(sum, n, 0.0f);
    if (rows.d != nullptr) {
      const T* dx = Row<T>(rows.d, t * n);
      const auto dot_term = [&](Vector v, Vector d) HWY_ATTR { return hn::Mul(x_hat(v), d); };
      const Vector mean_dot = Constant(lanes::Reduce(lanes::Sum(), n, dot_term, x, dx) / static_cast<float>(n));
      Vector mean_dx = hn::Zero(lanes::Floats());
      if (rows.mean != nullptr)
        mean_dx = Constant(lanes::Reduce(
                               lanes::Sum(), n, [](Vector d) HWY_ATTR { return d; }, dx) /
                           static_cast<float>(n));
      lanes::Map(
          n, sum,
          [&](Vector v, Vector d, Vector vw)
              HWY_ATTR { return hn::Mul(hn::Mul(vw, r), hn::NegMulAdd(x_hat(v), mean_dot, hn::Sub(d, mean_dx))); },
          x, dx, w);
    }
    if (dw != nullptr)
      lanes::Map(
          n, sum, [&](Vector s, Vector v, Vector d) HWY_ATTR { return hn::MulAdd(d, x_hat(v), s); }, old, x, dw);
    if (db != nullptr)
      lanes::Map(
          n, sum, [](Vector s, Vector d) HWY_ATTR { return hn::Add(s, d); }, old, db);
    lanes::Map(
        n, reinterpret_cast<T*>(rows.y) + t * n, [](Vector s) HWY_ATTR { return s; }, old);
  }
}
void NormJvp(const NormRows& rows) {
  lanes::WithType(rows.dtype, [&]<typename T>(T) HWY_ATTR { JvpAs<T>(rows); });
}

}  // namespace
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {
namespace {

HWY_EXPORT(Normalize);
HWY_EXPORT(NormVjp);
HWY_EXPORT(NormJvp);

constexpr int64_t kSumRows = 64;  // rows whose dw and db are added up by one thread

bool IsDouble(const Tensor& x) { return x.dtype() == DType::kF64; }
const std::byte* RawOrNull(const Tensor& x) { return x ? x.raw() : nullptr; }
const float* FloatsOrNull(const Tensor& x) { return x ? x.data<float>().data() : nullptr; }

// y, r and, where `result.mean` is defined, mean.
void Forward(const Tensor& x, const Tensor& w, const Tensor& b, float eps, LayerNormResult& result) {
  const NormRows all{.dtype = x.dtype(),
                     .begin = 0,
                     .end = result.r.numel(),
                     .n = x.dim(-1),
                     .eps = eps,
                     .x = x.raw(),
                     .w = w.raw(),
                     .b = RawOrNull(b),
                     .y = result.y.mutable_raw(),
                     .new_mean = result.mean ? result.mean.mutable_data<float>().data() : nullptr,
                     .new_r = result.r.mutable_data<float>().data()};
  const auto kernel = TESSERA_DISPATCH(Normalize);
  ParallelForRange(all.end, RowGrain(all.n), [&](int64_t begin, int64_t end) {
    NormRows rows = all;
    rows.begin = begin;
    rows.end = end;
    kernel(rows);
  });
}

// out = the sum of `blocks` rows of n floats, in order.
void AddBlocks(std::span<const float> partial, int64_t n, Tensor& out) {
  WithFloatType(out.dtype(), "norm", [&]<typename T>(T) {
    const auto values = out.mutable_data<T>();
    for (int64_t i = 0; i < n; ++i) {
      float sum = 0;
      for (size_t at = static_cast<size_t>(i); at < partial.size(); at += static_cast<size_t>(n)) sum += partial[at];
      values[i] = T(sum);
    }
  });
}

// Each block of kSumRows rows adds up its own dw and db; the blocks are added in order.
NormGradients Vjp(const Tensor& dy, const Tensor& x, const Tensor& w, const LayerNormResult& forward) {
  NormGradients result{.dx = Tensor::Empty(x.shape(), x.dtype()), .dw = Tensor::Empty(w.shape(), w.dtype()), .db = {}};
  if (forward.mean) result.db = Tensor::Empty(w.shape(), w.dtype());
  const int64_t n = w.numel(), count = forward.r.numel(), blocks = (count + kSumRows - 1) / kSumRows;
  std::vector<float> dw(static_cast<size_t>(blocks * n)), db(result.db ? dw.size() : 0);
  NormRows all{.dtype = x.dtype(), .begin = 0, .end = count, .n = n};
  all.x = x.raw();
  all.w = w.raw();
  all.d = dy.raw();
  all.y = result.dx.mutable_raw();
  all.mean = FloatsOrNull(forward.mean);
  all.r = FloatsOrNull(forward.r);
  const auto kernel = TESSERA_DISPATCH(NormVjp);
  ParallelForRange(count, kSumRows, [&](int64_t begin, int64_t end) {
    NormRows rows = all;
    rows.begin = begin;
    rows.end = end;
    rows.sum_dw = dw.data() + begin / kSumRows * n;
    rows.sum_db = db.empty() ? nullptr : db.data() + begin / kSumRows * n;
    kernel(rows);
  });
  AddBlocks(dw, n, result.dw);
  if (result.db) AddBlocks(db, n, result.db);
  return result;
}

Tensor Jvp(const NormTangents& tangents, const Tensor& x, const Tensor& w, const LayerNormResult& forward) {
  Tensor result = Tensor::Empty(x.shape(), x.dtype());
  NormRows all{.dtype = x.dtype(), .begin = 0, .end = forward.r.numel(), .n = w.numel()};
  all.x = x.raw();
  all.w = w.raw();
  all.d = RawOrNull(tangents.dx);
  all.dw = RawOrNull(tangents.dw);
  all.db = RawOrNull(tangents.db);
  all.y = result.mutable_raw();
  all.mean = FloatsOrNull(forward.mean);
  all.r = FloatsOrNull(forward.r);
  const auto kernel = TESSERA_DISPATCH(NormJvp);
  ParallelForRange(all.end, RowGrain(all.n), [&](int64_t begin, int64_t end) {
    std::vector<float> scratch(static_cast<size_t>(all.n));
    NormRows rows = all;
    rows.begin = begin;
    rows.end = end;
    rows.scratch = scratch.data();
    kernel(rows);
  });
  return result;
}

LayerNormResult Room(const Tensor& x) {
  return {.y = Tensor::Empty(x.shape(), x.dtype()), .mean = {}, .r = Tensor::Empty({x.shape().Without(-1).numel()})};
}

}  // namespace

RmsNormResult RmsNorm(const Tensor& x, const Tensor& w, float eps) {
  if (IsDouble(x)) return reference::RmsNorm(x, w, eps);
  LayerNormResult result = Room(x);
  Forward(x, w, {}, eps, result);
  return {.y = result.y, .r = result.r};
}

NormGradients RmsNormVjp(const Tensor& dy, const Tensor& x, const Tensor& w, const Tensor& r) {
  if (IsDouble(x)) return reference::RmsNormVjp(dy, x, w, r);
  return Vjp(dy, x, w, {.y = {}, .mean = {}, .r = r});
}

Tensor RmsNormJvp(const NormTangents& tangents, const Tensor& x, const Tensor& w, const Tensor& r) {
  if (IsDouble(x)) return reference::RmsNormJvp(tangents, x, w, r);
  return Jvp(tangents, x, w, {.y = {}, .mean = {}, .r = r});
}

LayerNormResult LayerNorm(const Tensor& x, const Tensor& w, const Tensor& b, float eps) {
  if (IsDouble(x)) return reference::LayerNorm(x, w, b, eps);
  LayerNormResult result = Room(x);
  result.mean = Tensor::Empty(result.r.shape());
  Forward(x, w, b, eps, result);
  return result;
}

NormGradients LayerNormVjp(const Tensor& dy, const Tensor& x, const Tensor& w, const LayerNormResult& forward) {
  return IsDouble(x) ? reference::LayerNormVjp(dy, x, w, forward) : Vjp(dy, x, w, forward);
}

Tensor LayerNormJvp(const NormTangents& tangents, const Tensor& x, const Tensor& w, const LayerNormResult& forward) {
  return IsDouble(x) ? reference::LayerNormJvp(tangents, x, w, forward) : Jvp(tangents, x, w, forward);
}

}  // namespace tessera::kernels
#endif
