#pragma once
// The plain loops of the reference kernels for functions of each value by itself.

#include "tessera/core/tensor.h"
#include "tessera/kernels/broadcast.h"
#include "tessera/kernels/float_types.h"

namespace tessera::kernels::reference {

// y = f(x), computed in the compute type of x's dtype.
template <typename F>
Tensor Map(const Tensor& x, F f) {
  Tensor y = Tensor::Empty(x.shape(), x.dtype());
  WithFloatType(x.dtype(), "elementwise", [&]<typename T>(T) {
    const auto in = x.data<T>();
    const auto out = y.mutable_data<T>();
    for (size_t i = 0; i < in.size(); ++i) out[i] = T(f(ComputeType<T>(in[i])));
  });
  return y;
}

// y = f(a, b); shapes broadcast.
template <typename F>
Tensor Map2(const Tensor& a, const Tensor& b, F f) {
  const BroadcastLoop loop(a.shape(), b.shape());
  Tensor y = Tensor::Empty(loop.shape, a.dtype());
  WithFloatType(a.dtype(), "elementwise", [&]<typename T>(T) {
    using C = ComputeType<T>;
    const auto in_a = a.data<T>(), in_b = b.data<T>();
    const auto out = y.mutable_data<T>();
    for (int64_t o = 0; o < loop.outer; ++o) {
      const auto [begin_a, begin_b] = loop.Begin(o);
      for (int64_t i = 0; i < loop.inner; ++i) {
        const C va(in_a[begin_a + i * loop.a_step]), vb(in_b[begin_b + i * loop.b_step]);
        out[o * loop.inner + i] = T(f(va, vb));
      }
    }
  });
  return y;
}

}  // namespace tessera::kernels::reference
