#include "tessera/kernels/reference/reduce.h"

#include <vector>

#include "tessera/kernels/float_types.h"

namespace tessera::kernels::reference {

Tensor SumAxis(const Tensor& x, int axis, double scale) {
  const AxisSplit split(x.shape(), axis);
  Tensor y = Tensor::Empty(x.shape().Without(axis), x.dtype());
  WithFloatType(x.dtype(), "sum", [&]<typename T>(T) {
    using C = ComputeType<T>;
    const auto in = x.data<T>();
    const auto out = y.mutable_data<T>();
    for (int64_t o = 0; o < split.outer; ++o) {
      for (int64_t i = 0; i < split.inner; ++i) {
        C sum = 0;
        for (int64_t n = 0; n < split.length; ++n) sum += C(in[(o * split.length + n) * split.inner + i]);
        out[o * split.inner + i] = T(sum * C(scale));
      }
    }
  });
  return y;
}

Tensor ExpandAxis(const Tensor& x, int axis, int64_t length, double scale) {
  Tensor y = Tensor::Empty(x.shape().Insert(axis, length), x.dtype());
  const AxisSplit split(y.shape(), axis);
  WithFloatType(x.dtype(), "expand", [&]<typename T>(T) {
    using C = ComputeType<T>;
    const auto in = x.data<T>();
    const auto out = y.mutable_data<T>();
    for (int64_t o = 0; o < split.outer; ++o) {
      for (int64_t n = 0; n < length; ++n) {
        for (int64_t i = 0; i < split.inner; ++i)
          out[(o * length + n) * split.inner + i] = T(C(in[o * split.inner + i]) * C(scale));
      }
    }
  });
  return y;
}

std::pair<Tensor, Tensor> MaxAxis(const Tensor& x, int axis) {
  const AxisSplit split(x.shape(), axis);
  Tensor y = Tensor::Empty(x.shape().Without(axis), x.dtype());
  Tensor index = Tensor::Empty(y.shape(), DType::kI64);
  WithFloatType(x.dtype(), "max", [&]<typename T>(T) {
    using C = ComputeType<T>;
    const auto in = x.data<T>();
    const auto out = y.mutable_data<T>();
    const auto places = index.mutable_data<int64_t>();
    for (int64_t o = 0; o < split.outer; ++o) {
      for (int64_t i = 0; i < split.inner; ++i) {
        const auto value = [&](int64_t n) { return C(in[(o * split.length + n) * split.inner + i]); };
        int64_t best = 0;
        for (int64_t n = 1; n < split.length; ++n) {
          const bool best_is_nan = value(best) != value(best);
          if (!best_is_nan && !(value(n) <= value(best))) best = n;  // a NaN is not <= anything
        }
        out[o * split.inner + i] = in[(o * split.length + best) * split.inner + i];
        places[o * split.inner + i] = best;
      }
    }
  });
  return {y, index};
}

Tensor TakeAxis(const Tensor& x, int axis, const Tensor& index) {
  const AxisSplit split(x.shape(), axis);
  Tensor y = Tensor::Empty(index.shape(), x.dtype());
  WithFloatType(x.dtype(), "take", [&]<typename T>(T) {
    const auto in = x.data<T>();
    const auto out = y.mutable_data<T>();
    const auto places = index.data<int64_t>();
    for (int64_t o = 0; o < split.outer; ++o) {
      for (int64_t i = 0; i < split.inner; ++i) {
        const int64_t to = o * split.inner + i;
        out[to] = in[(o * split.length + places[to]) * split.inner + i];
      }
    }
  });
  return y;
}

Tensor PutAxis(const Tensor& x, int axis, int64_t length, const Tensor& index) {
  Tensor y = Tensor::Zeros(x.shape().Insert(axis, length), x.dtype());
  const AxisSplit split(y.shape(), axis);
  WithFloatType(x.dtype(), "put", [&]<typename T>(T) {
    const auto in = x.data<T>();
    const auto out = y.mutable_data<T>();
    const auto places = index.data<int64_t>();
    for (int64_t o = 0; o < split.outer; ++o) {
      for (int64_t i = 0; i < split.inner; ++i) {
        const int64_t from = o * split.inner + i;
        out[(o * length + places[from]) * split.inner + i] = in[from];
      }
    }
  });
  return y;
}

}  // namespace tessera::kernels::reference
