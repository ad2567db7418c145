#include "tessera/kernels/reference/norm.h"

#include <cmath>
#include <vector>

#include "tessera/kernels/float_types.h"

namespace tessera::kernels::reference {
namespace {

int64_t Rows(const Tensor& x) { return x.shape().Without(-1).numel(); }

template <typename T>
DType StatisticsType() {
  return DTypeOf<ComputeType<T>>;
}

// mean [T] is empty for the RMS norm, which is a layer norm whose mean is taken as zero.
template <typename T>
void Vjp(const Tensor& dy, const Tensor& x, const Tensor& w, const Tensor& mean, const Tensor& r,
         NormGradients& result) {
  using C = ComputeType<T>;
  const int64_t rows = Rows(x), n = x.dim(-1);
  const auto in = x.data<T>(), grad = dy.data<T>(), weight = w.data<T>();
  const auto scale = r.data<C>();
  const auto out = result.dx.mutable_data<T>();
  std::vector<C> dw(n), db(n);
  for (int64_t t = 0; t < rows; ++t) {
    const T *x_row = &in[t * n], *dy_row = &grad[t * n];
    const C centre = mean.defined() ? mean.data<C>()[t] : C(0);
    C sum = 0, dot = 0;
    for (int64_t i = 0; i < n; ++i) {
      const C x_hat = (C(x_row[i]) - centre) * scale[t], g = C(weight[i]) * C(dy_row[i]);
      sum += g;
      dot += x_hat * g;
      dw[i] += x_hat * C(dy_row[i]);
      db[i] += C(dy_row[i]);
    }
    const C mean_g = mean.defined() ? sum / C(n) : C(0), mean_dot = dot / C(n);
    for (int64_t i = 0; i < n; ++i) {
      const C x_hat = (C(x_row[i]) - centre) * scale[t], g = C(weight[i]) * C(dy_row[i]);
      out[t * n + i] = T(scale[t] * (g - mean_g - x_hat * mean_dot));
    }
  }
  for (int64_t i = 0; i < n; ++i) {
    result.dw.mutable_data<T>()[i] = T(dw[i]);
    if (result.db) result.db.mutable_data<T>()[i] = T(db[i]);
  }
}

template <typename T>
void Jvp(const NormTangents& tangents, const Tensor& x, const Tensor& w, const Tensor& mean, const Tensor& r,
         Tensor& result) {
  using C = ComputeType<T>;
  const int64_t rows = Rows(x), n = x.dim(-1);
  const auto in = x.data<T>(), weight = w.data<T>();
  const auto scale = r.data<C>();
  const auto out = result.mutable_data<T>();
  const T* dx = tangents.dx ? tangents.dx.data<T>().data() : nullptr;
  const T* dw = tangents.dw ? tangents.dw.data<T>().data() : nullptr;
  const T* db = tangents.db ? tangents.db.data<T>().data() : nullptr;
  for (int64_t t = 0; t < rows; ++t) {
    const C centre = mean.defined() ? mean.data<C>()[t] : C(0);
    C sum = 0, dot = 0;
    for (int64_t i = 0; dx != nullptr && i < n; ++i) {
      sum += C(dx[t * n + i]);
      dot += (C(in[t * n + i]) - centre) * scale[t] * C(dx[t * n + i]);
    }
    const C mean_dx = mean.defined() ? sum / C(n) : C(0), mean_dot = dot / C(n);
    for (int64_t i = 0; i < n; ++i) {
      const C x_hat = (C(in[t * n + i]) - centre) * scale[t];
      C value = 0;
      if (dx != nullptr) value += C(weight[i]) * scale[t] * (C(dx[t * n + i]) - mean_dx - x_hat * mean_dot);
      if (dw != nullptr) value += C(dw[i]) * x_hat;
      if (db != nullptr) value += C(db[i]);
      out[t * n + i] = T(value);
    }
  }
}

}  // namespace

RmsNormResult RmsNorm(const Tensor& x, const Tensor& w, float eps) {
  const int64_t rows = Rows(x), n = x.dim(-1);
  RmsNormResult result{.y = Tensor::Empty(x.shape(), x.dtype()), .r = {}};
  WithFloatType(x.dtype(), "rms_norm", [&]<typename T>(T) {
    using C = ComputeType<T>;
    result.r = Tensor::Empty({rows}, StatisticsType<T>());
    const auto in = x.data<T>(), weight = w.data<T>();
    for (int64_t t = 0; t < rows; ++t) {
      const T* row = &in[t * n];
      C sum = 0;
      for (int64_t i = 0; i < n; ++i) sum += C(row[i]) * C(row[i]);
      const C r = C(1) / std::sqrt(sum / C(n) + C(eps));
      for (int64_t i = 0; i < n; ++i) result.y.mutable_data<T>()[t * n + i] = T(C(row[i]) * r * C(weight[i]));
      result.r.mutable_data<C>()[t] = r;
    }
  });
  return result;
}

NormGradients RmsNormVjp(const Tensor& dy, const Tensor& x, const Tensor& w, const Tensor& r) {
  NormGradients result{.dx = Tensor::Empty(x.shape(), x.dtype()), .dw = Tensor::Empty(w.shape(), w.dtype()), .db = {}};
  WithFloatType(x.dtype(), "rms_norm", [&]<typename T>(T) { Vjp<T>(dy, x, w, {}, r, result); });
  return result;
}

Tensor RmsNormJvp(const NormTangents& tangents, const Tensor& x, const Tensor& w, const Tensor& r) {
  Tensor result = Tensor::Empty(x.shape(), x.dtype());
  WithFloatType(x.dtype(), "rms_norm", [&]<typename T>(T) { Jvp<T>(tangents, x, w, {}, r, result); });
  return result;
}

LayerNormResult LayerNorm(const Tensor& x, const Tensor& w, const Tensor& b, float eps) {
  const int64_t rows = Rows(x), n = x.dim(-1);
  LayerNormResult result{.y = Tensor::Empty(x.shape(), x.dtype()), .mean = {}, .r = {}};
  WithFloatType(x.dtype(), "layer_norm", [&]<typename T>(T) {
    using C = ComputeType<T>;
    result.mean = Tensor::Empty({rows}, StatisticsType<T>());
    result.r = Tensor::Empty({rows}, StatisticsType<T>());
    const auto in = x.data<T>(), weight = w.data<T>();
    const T* bias = b ? b.data<T>().data() : nullptr;
    for (int64_t t = 0; t < rows; ++t) {
      const T* row = &in[t * n];
      C sum = 0, squares = 0;
      for (int64_t i = 0; i < n; ++i) sum += C(row[i]);
      const C mean = sum / C(n);
      for (int64_t i = 0; i < n; ++i) squares += (C(row[i]) - mean) * (C(row[i]) - mean);
      const C r = C(1) / std::sqrt(squares / C(n) + C(eps));
      for (int64_t i = 0; i < n; ++i) {
        const C value = (C(row[i]) - mean) * r * C(weight[i]);
        result.y.mutable_data<T>()[t * n + i] = T(bias != nullptr ? value + C(bias[i]) : value);
      }
      result.mean.mutable_data<C>()[t] = mean;
      result.r.mutable_data<C>()[t] = r;
    }
  });
  return result;
}

NormGradients LayerNormVjp(const Tensor& dy, const Tensor& x, const Tensor& w, const LayerNormResult& forward) {
  NormGradients result{.dx = Tensor::Empty(x.shape(), x.dtype()),
                       .dw = Tensor::Empty(w.shape(), w.dtype()),
                       .db = Tensor::Empty(w.shape(), w.dtype())};
  WithFloatType(x.dtype(), "layer_norm", [&]<typename T>(T) { Vjp<T>(dy, x, w, forward.mean, forward.r, result); });
  return result;
}

Tensor LayerNormJvp(const NormTangents& tangents, const Tensor& x, const Tensor& w, const LayerNormResult& forward) {
  Tensor result = Tensor::Empty(x.shape(), x.dtype());
  WithFloatType(x.dtype(), "layer_norm",
                [&]<typename T>(T) { Jvp<T>(tangents, x, w, forward.mean, forward.r, result); });
  return result;
}

}  // namespace tessera::kernels::reference
