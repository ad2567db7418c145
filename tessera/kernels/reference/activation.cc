#include "tessera/kernels/reference/activation.h"

#include <cmath>
#include <numbers>

#include "tessera/kernels/reference/map.h"

namespace tessera::kernels::reference {
namespace {

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

// u = √(2/π) (x + 0.044715 x³). The formula's (1 + tanh u) / 2 is σ(2u), which keeps its digits where tanh u is near
// -1.
template <typename C>
C GeluTanhInner(C x) {
  return C(kSqrt2OverPi) * (x + C(kCubic) * x * x * x);
}

}  // namespace

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
  return Map(x, [](auto v) { return v * SigmoidOf(2 * GeluTanhInner(v)); });
}
Tensor QuickGelu(const Tensor& x) {
  return Map(x, [](auto v) { return v * SigmoidOf(decltype(v)(kQuick) * v); });
}
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
// f = x s, s = σ(2u):  f' = s + x s (1 - s) 2u',  2u' = 2 √(2/π) (1 + 3 · 0.044715 x²)
Tensor GeluTanhDerivative(const Tensor& d, const Tensor& x) {
  return Map2(d, x, [](auto p, auto v) {
    using C = decltype(v);
    const C s = SigmoidOf(2 * GeluTanhInner(v));
    const C slope = C(2 * kSqrt2OverPi) * (C(1) + C(3 * kCubic) * v * v);
    return p * (s + v * s * (C(1) - s) * slope);
  });
}
// f = x σ(ax):  f' is that of SiLU at ax
Tensor QuickGeluDerivative(const Tensor& d, const Tensor& x) {
  return Map2(d, x, [](auto p, auto v) { return p * SiluSlope(decltype(v)(kQuick) * v); });
}

}  // namespace tessera::kernels::reference
