#include "tessera/kernels/reference/elementwise.h"

#include <cmath>

#include "tessera/kernels/reference/map.h"

namespace tessera::kernels::reference {
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
Tensor Cast(const Tensor& x, DType dtype) { return x.To(dtype).WithLineage(nullptr); }

Tensor RsqrtDerivative(const Tensor& d, const Tensor& y) {
  return Map2(d, y, [](auto p, auto v) { return decltype(p)(-0.5) * p * v * v * v; });
}

}  // namespace tessera::kernels::reference
