#include "tessera/kernels/reference/softmax.h"

#include <cmath>
#include <limits>

#include "tessera/kernels/float_types.h"

namespace tessera::kernels::reference {
namespace {

// Calls row(x, y, out, n) for every row of the last axis.
template <typename Row>
Tensor EachRow(const Tensor& x, const Tensor& y, Row row) {
  Tensor result = Tensor::Empty(x.shape(), x.dtype());
  const int64_t n = x.dim(-1);
  WithFloatType(x.dtype(), "softmax", [&]<typename T>(T) {
    const T* in = x.data<T>().data();
    const T* other = y.data<T>().data();
    T* out = result.mutable_data<T>().data();
    for (int64_t begin = 0; begin < x.numel(); begin += n) row(in + begin, other + begin, out + begin, n);
  });
  return result;
}

template <typename T>
ComputeType<T> Greatest(const T* x, int64_t n) {
  using C = ComputeType<T>;
  C greatest = -std::numeric_limits<C>::infinity();
  for (int64_t i = 0; i < n; ++i) greatest = C(x[i]) > greatest ? C(x[i]) : greatest;
  return greatest;
}

}  // namespace

Tensor Softmax(const Tensor& x) {
  return EachRow(x, x, []<typename T>(const T* in, const T*, T* out, int64_t n) {
    using C = ComputeType<T>;
    const C greatest = Greatest(in, n);
    C sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += std::exp(C(in[i]) - greatest);
    for (int64_t i = 0; i < n; ++i) out[i] = T(std::exp(C(in[i]) - greatest) / sum);
  });
}

Tensor LogSoftmax(const Tensor& x) {
  return EachRow(x, x, []<typename T>(const T* in, const T*, T* out, int64_t n) {
    using C = ComputeType<T>;
    const C greatest = Greatest(in, n);
    C sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += std::exp(C(in[i]) - greatest);
    const C log_sum = std::log(sum);
    for (int64_t i = 0; i < n; ++i) out[i] = T(C(in[i]) - greatest - log_sum);
  });
}

Tensor SoftmaxDerivative(const Tensor& d, const Tensor& y) {
  return EachRow(d, y, []<typename T>(const T* d_row, const T* y_row, T* out, int64_t n) {
    using C = ComputeType<T>;
    C dot = 0;
    for (int64_t i = 0; i < n; ++i) dot += C(d_row[i]) * C(y_row[i]);
    for (int64_t i = 0; i < n; ++i) out[i] = T(C(y_row[i]) * (C(d_row[i]) - dot));
  });
}

Tensor LogSoftmaxVjp(const Tensor& dy, const Tensor& y) {
  return EachRow(dy, y, []<typename T>(const T* d_row, const T* y_row, T* out, int64_t n) {
    using C = ComputeType<T>;
    C sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += C(d_row[i]);
    for (int64_t i = 0; i < n; ++i) out[i] = T(C(d_row[i]) - std::exp(C(y_row[i])) * sum);
  });
}

Tensor LogSoftmaxJvp(const Tensor& dx, const Tensor& y) {
  return EachRow(dx, y, []<typename T>(const T* d_row, const T* y_row, T* out, int64_t n) {
    using C = ComputeType<T>;
    C dot = 0;
    for (int64_t i = 0; i < n; ++i) dot += std::exp(C(y_row[i])) * C(d_row[i]);
    for (int64_t i = 0; i < n; ++i) out[i] = T(C(d_row[i]) - dot);
  });
}

double ExpSum(std::span<const float> x, float shift, float scale, float most) {
  double sum = 0;
  for (const float value : x)
    if (!(value > most)) sum += std::exp((double{value} - shift) * scale);
  return sum;
}

}  // namespace tessera::kernels::reference
