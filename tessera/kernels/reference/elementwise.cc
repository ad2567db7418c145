#include "tessera/kernels/reference/elementwise.h"

#include <cmath>
#include <numbers>

#include "tessera/kernels/broadcast.h"
#include "tessera/kernels/float_types.h"

namespace tessera::kernels::reference {
namespace {

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

template <typename C>
C SigmoidOf(C x) {
  return C(1) / (C(1) + std::exp(-x));
}

// e^-x overflows below -88 in f32, where σ'(x) = 0 to the last bit but x · (1 - σ) would still be finite.
template <typename C>
C SiluSlope(C x) {
  const C s = SigmoidOf(x);
  return s * (C(1) + x * (C(1) - s));
}

template <typename C>
C NormalCdf(C x) {
  return C(0.5) * std::erfc(-x * C(std::numbers::sqrt2 / 2));
}

constexpr double kSqrt2OverPi = 0.79788456080286535588;
constexpr double kCubic = 0.044715;
constexpr double kQuick = 1.702;

}  // namespace

Tensor Add(const Tensor& a, const Tensor& b) {
  return Map2(a, b, [](auto p, auto q) { return p + q; });
}
Tensor Sub(const Tensor& a, const Tensor& b) {
  return Map2(a, b, [](auto p, auto q) { return p - q; });
}
Tensor Mul(const Tensor& a, const Tensor& b) {
  return Map2(a, b, [](auto p, auto q) { return p * q; });
}
Tensor Div(const Tensor& a, const Tensor& b) {
  return Map2(a, b, [](auto p, auto q) { return p / q; });
}

Tensor Affine(const Tensor& x, float scale, float shift) {
  return Map(x, [=](auto v) { return v * scale + shift; });
}
Tensor Exp(const Tensor& x) {
  return Map(x, [](auto v) { return std::exp(v); });
}
Tensor Log(const Tensor& x) {
  return Map(x, [](auto v) { return std::log(v); });
}
Tensor Sqrt(const Tensor& x) {
  return Map(x, [](auto v) { return std::sqrt(v); });
}
Tensor Rsqrt(const Tensor& x) {
  return Map(x, [](auto v) { return decltype(v)(1) / std::sqrt(v); });
}
Tensor Square(const Tensor& x) {
  return Map(x, [](auto v) { return v * v; });
}
Tensor Relu(const Tensor& x) {
  return Map(x, [](auto v) { return v < 0 ? decltype(v)(0) : v; });
}
Tensor Tanh(const Tensor& x) {
  return Map(x, [](auto v) { return std::tanh(v); });
}
Tensor Sigmoid(const Tensor& x) {
  return Map(x, [](auto v) { return SigmoidOf(v); });
}
Tensor Silu(const Tensor& x) {
  return Map(x, [](auto v) { return v * SigmoidOf(v); });
}
Tensor Gelu(const Tensor& x) {
  return Map(x, [](auto v) { return v * NormalCdf(v); });
}
Tensor GeluTanh(const Tensor& x) {
  return Map(x, [](auto v) {
    using C = decltype(v);
    return C(0.5) * v * (C(1) + std::tanh(C(kSqrt2OverPi) * (v + C(kCubic) * v * v * v)));
  });
}
Tensor QuickGelu(const Tensor& x) {
  return Map(x, [](auto v) { return v * SigmoidOf(decltype(v)(kQuick) * v); });
}
Tensor Cast(const Tensor& x, DType dtype) { return x.To(dtype).WithLineage(nullptr); }

Tensor SiluMul(const Tensor& gate, const Tensor& up) {
  return Map2(gate, up, [](auto g, auto u) { return g * SigmoidOf(g) * u; });
}

Tensor ReluDerivative(const Tensor& d, const Tensor& x) {
  return Map2(d, x, [](auto p, auto v) { return v > 0 ? p : v != v ? v : decltype(p)(0); });
}
Tensor TanhDerivative(const Tensor& d, const Tensor& y) {
  return Map2(d, y, [](auto p, auto v) { return p * (decltype(p)(1) - v * v); });
}
Tensor SigmoidDerivative(const Tensor& d, const Tensor& y) {
  return Map2(d, y, [](auto p, auto v) { return p * v * (decltype(p)(1) - v); });
}
Tensor RsqrtDerivative(const Tensor& d, const Tensor& y) {
  return Map2(d, y, [](auto p, auto v) { return decltype(p)(-0.5) * p * v * v * v; });
}
Tensor SiluDerivative(const Tensor& d, const Tensor& x) {
  return Map2(d, x, [](auto p, auto v) { return p * SiluSlope(v); });
}
// f'(x) = Φ(x) + x φ(x),  φ(x) = e^(-x²/2) / √(2π)
Tensor GeluDerivative(const Tensor& d, const Tensor& x) {
  return Map2(d, x, [](auto p, auto v) {
    using C = decltype(v);
    const C density = std::exp(C(-0.5) * v * v) * C(0.39894228040143267794);
    return p * (NormalCdf(v) + v * density);
  });
}
// f = x/2 (1 + t), t = tanh(u):  f' = (1 + t)/2 + x/2 (1 - t²) √(2/π) (1 + 3 · 0.044715 x²)
Tensor GeluTanhDerivative(const Tensor& d, const Tensor& x) {
  return Map2(d, x, [](auto p, auto v) {
    using C = decltype(v);
    const C t = std::tanh(C(kSqrt2OverPi) * (v + C(kCubic) * v * v * v));
    const C inner = C(kSqrt2OverPi) * (C(1) + C(3 * kCubic) * v * v);
    return p * (C(0.5) * (C(1) + t) + C(0.5) * v * (C(1) - t * t) * inner);
  });
}
// f = x σ(ax):  f' is that of SiLU at ax
Tensor QuickGeluDerivative(const Tensor& d, const Tensor& x) {
  return Map2(d, x, [](auto p, auto v) { return p * SiluSlope(decltype(v)(kQuick) * v); });
}

}  // namespace tessera::kernels::reference
