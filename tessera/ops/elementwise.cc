#include "tessera/ops/elementwise.h"

#include "tessera/kernels/activation.h"
#include "tessera/kernels/broadcast.h"
#include "tessera/kernels/cuda/operators.h"
#include "tessera/kernels/elementwise.h"
#include "tessera/ops/broadcast.h"
#include "tessera/ops/checks.h"
#include "tessera/ops/differentiable.h"

namespace tessera::ops {
namespace {

void CheckPair(std::string_view where, const Tensor& a, const Tensor& b) {
  RequireFloat(where, a);
  RequireFloat(where, b);
  RequireSameDType(where, a, b);
  kernels::BroadcastShape(where, a.shape(), b.shape());
}

// y = f(x) value by value: dx = f'(x) ∘ dy and ẏ = f'(x) ∘ ẋ are the same function `slope(d) = f'(x) ∘ d`.
template <typename Slope>
Tensor Pointwise(const Tensor& y, const Tensor& x, Slope slope) {
  if (!Tracked(x)) return y;
  return Differentiable(
      y, {x}, [=](const Tensor& dy) { return std::vector{slope(dy)}; },
      [=](std::span<const Tensor> dx) { return slope(dx[0]); });
}

Tensor Multiple(const Tensor& d, float factor) { return kernels::Affine(d, factor, 0); }

// The sum of two tangents of y's shape, either of which may be undefined (zero), not both.
Tensor SumOfTangents(const Tensor& da, const Tensor& db, const Shape& shape) {
  if (!da) return BroadcastTo(db, shape);
  if (!db) return BroadcastTo(da, shape);
  return kernels::Add(da, db);
}

}  // namespace

// y = a + b;  da = dy, db = dy;  ẏ = ȧ + ḃ
Tensor Add(const Tensor& a, const Tensor& b) {
  CheckPair("add", a, b);
  if (a.on_gpu()) return WithoutDerivatives(kernels::cuda::Add(a, b), a, b);
  const Tensor y = kernels::Add(a, b);
  if (!AnyTracked(a, b)) return y;
  return Differentiable(
      y, {a, b},
      [=](const Tensor& dy) {
        return std::vector{SumTo(dy, a.shape()), SumTo(dy, b.shape())};
      },
      [shape = y.shape()](std::span<const Tensor> d) { return SumOfTangents(d[0], d[1], shape); });
}

// y = a - b;  da = dy, db = -dy;  ẏ = ȧ - ḃ
Tensor Sub(const Tensor& a, const Tensor& b) {
  CheckPair("sub", a, b);
  const Tensor y = kernels::Sub(a, b);
  return Differentiable(
      y, {a, b},
      [=](const Tensor& dy) {
        return std::vector{SumTo(dy, a.shape()), Multiple(SumTo(dy, b.shape()), -1)};
      },
      [shape = y.shape()](std::span<const Tensor> d) {
        return SumOfTangents(d[0], d[1] ? Multiple(d[1], -1) : Tensor(), shape);
      });
}

// y = a ∘ b;  da = b ∘ dy, db = a ∘ dy;  ẏ = b ∘ ȧ + a ∘ ḃ
Tensor Mul(const Tensor& a, const Tensor& b) {
  CheckPair("mul", a, b);
  const Tensor y = kernels::Mul(a, b);
  return Differentiable(
      y, {a, b},
      [=](const Tensor& dy) {
        return std::vector{WantsGradient(a) ? SumTo(kernels::Mul(dy, b), a.shape()) : Tensor(),
                           WantsGradient(b) ? SumTo(kernels::Mul(dy, a), b.shape()) : Tensor()};
      },
      [=, shape = y.shape()](std::span<const Tensor> d) {
        return SumOfTangents(d[0] ? kernels::Mul(d[0], b) : Tensor(), d[1] ? kernels::Mul(d[1], a) : Tensor(), shape);
      });
}

// y = a / b;  da = dy / b, db = -y ∘ dy / b;  ẏ = ȧ / b - y ∘ ḃ / b
Tensor Div(const Tensor& a, const Tensor& b) {
  CheckPair("div", a, b);
  const Tensor y = kernels::Div(a, b);
  const auto by_b = [=](const Tensor& d) { return Multiple(kernels::Div(kernels::Mul(d, y), b), -1); };
  return Differentiable(
      y, {a, b},
      [=](const Tensor& dy) {
        return std::vector{WantsGradient(a) ? SumTo(kernels::Div(dy, b), a.shape()) : Tensor(),
                           WantsGradient(b) ? SumTo(by_b(dy), b.shape()) : Tensor()};
      },
      [=](std::span<const Tensor> d) {
        return SumOfTangents(d[0] ? kernels::Div(d[0], b) : Tensor(), d[1] ? by_b(d[1]) : Tensor(), y.shape());
      });
}

// y = -x;  dx = -dy
Tensor Neg(const Tensor& x) {
  RequireFloat("neg", x);
  return Pointwise(Multiple(x, -1), x, [](const Tensor& d) { return Multiple(d, -1); });
}

// y = c x;  dx = c dy
Tensor Scale(const Tensor& x, float factor) {
  RequireFloat("scale", x);
  return Pointwise(Multiple(x, factor), x, [=](const Tensor& d) { return Multiple(d, factor); });
}

// y = x + c;  dx = dy
Tensor AddScalar(const Tensor& x, float addend) {
  RequireFloat("add_scalar", x);
  return Pointwise(kernels::Affine(x, 1, addend), x, [](const Tensor& d) { return d; });
}

// y = e^x;  dx = y ∘ dy
Tensor Exp(const Tensor& x) {
  RequireFloat("exp", x);
  const Tensor y = kernels::Exp(x);
  return Pointwise(y, x, [=](const Tensor& d) { return kernels::Mul(d, y); });
}

// y = ln x;  dx = dy / x
Tensor Log(const Tensor& x) {
  RequireFloat("log", x);
  return Pointwise(kernels::Log(x), x, [=](const Tensor& d) { return kernels::Div(d, x); });
}

// y = √x;  dx = dy / 2y
Tensor Sqrt(const Tensor& x) {
  RequireFloat("sqrt", x);
  const Tensor y = kernels::Sqrt(x);
  return Pointwise(y, x, [=](const Tensor& d) { return Multiple(kernels::Div(d, y), 0.5f); });
}

// y = x^-½;  dx = -½ y³ ∘ dy
Tensor Rsqrt(const Tensor& x) {
  RequireFloat("rsqrt", x);
  const Tensor y = kernels::Rsqrt(x);
  return Pointwise(y, x, [=](const Tensor& d) { return kernels::RsqrtDerivative(d, y); });
}

// y = x²;  dx = 2x ∘ dy
Tensor Square(const Tensor& x) {
  RequireFloat("square", x);
  return Pointwise(kernels::Square(x), x, [=](const Tensor& d) { return Multiple(kernels::Mul(d, x), 2); });
}

// y = max(x, 0);  dx = [x > 0] ∘ dy
Tensor Relu(const Tensor& x) {
  RequireFloat("relu", x);
  return Pointwise(kernels::Relu(x), x, [=](const Tensor& d) { return kernels::ReluDerivative(d, x); });
}

// y = tanh x;  dx = (1 - y²) ∘ dy
Tensor Tanh(const Tensor& x) {
  RequireFloat("tanh", x);
  const Tensor y = kernels::Tanh(x);
  return Pointwise(y, x, [=](const Tensor& d) { return kernels::TanhDerivative(d, y); });
}

// y = σ(x);  dx = y (1 - y) ∘ dy
Tensor Sigmoid(const Tensor& x) {
  RequireFloat("sigmoid", x);
  const Tensor y = kernels::Sigmoid(x);
  return Pointwise(y, x, [=](const Tensor& d) { return kernels::SigmoidDerivative(d, y); });
}

// y = x σ(x);  dx = σ (1 + x (1 - σ)) ∘ dy
Tensor Silu(const Tensor& x) {
  RequireFloat("silu", x);
  return Pointwise(kernels::Silu(x), x, [=](const Tensor& d) { return kernels::SiluDerivative(d, x); });
}

// y = x Φ(x);  dx = (Φ + x φ) ∘ dy                                               (Hendrycks & Gimpel 2016)
Tensor Gelu(const Tensor& x) {
  RequireFloat("gelu", x);
  return Pointwise(kernels::Gelu(x), x, [=](const Tensor& d) { return kernels::GeluDerivative(d, x); });
}

// y = x/2 (1 + t), t = tanh u;  dx = ((1 + t)/2 + x/2 (1 - t²) u') ∘ dy
Tensor GeluTanh(const Tensor& x) {
  RequireFloat("gelu_tanh", x);
  return Pointwise(kernels::GeluTanh(x), x, [=](const Tensor& d) { return kernels::GeluTanhDerivative(d, x); });
}

// y = x σ(ax), a = 1.702;  dx = σ (1 + ax (1 - σ)) ∘ dy with σ at ax
Tensor QuickGelu(const Tensor& x) {
  RequireFloat("quick_gelu", x);
  return Pointwise(kernels::QuickGelu(x), x, [=](const Tensor& d) { return kernels::QuickGeluDerivative(d, x); });
}

// y = x in another dtype;  dx = dy in x's
Tensor Cast(const Tensor& x, DType dtype) {
  Require(x.defined(), "cast: the operand is undefined");
  if (x.dtype() == dtype) return x;
  if (x.on_gpu()) return WithoutDerivatives(kernels::cuda::Cast(x, dtype), x);
  const Tensor y = kernels::Cast(x, dtype);
  if (!Info(dtype).is_float || !Tracked(x)) return y;
  return Differentiable(
      y, {x}, [from = x.dtype()](const Tensor& dy) { return std::vector{kernels::Cast(dy, from)}; },
      [dtype](std::span<const Tensor> dx) { return kernels::Cast(dx[0], dtype); });
}

// y = silu(g) ∘ u;  dg = silu'(g) ∘ u ∘ dy, du = silu(g) ∘ dy;  ẏ = silu'(g) ∘ u ∘ ġ + silu(g) ∘ u̇
Tensor SiluMul(const Tensor& gate, const Tensor& up) {
  CheckPair("silu_mul", gate, up);
  Require(gate.shape() == up.shape(), "silu_mul: gate {} and up {} must have one shape", gate.shape(), up.shape());
  if (gate.on_gpu()) return WithoutDerivatives(kernels::cuda::SiluMul(gate, up), gate, up);
  const Tensor y = kernels::SiluMul(gate, up);
  if (!AnyTracked(gate, up)) return y;
  const auto by_gate = [=](const Tensor& d) { return kernels::SiluDerivative(kernels::Mul(d, up), gate); };
  return Differentiable(
      y, {gate, up},
      [=](const Tensor& dy) {
        return std::vector{WantsGradient(gate) ? by_gate(dy) : Tensor(),
                           WantsGradient(up) ? kernels::SiluMul(gate, dy) : Tensor()};
      },
      [=](std::span<const Tensor> d) {
        return SumOfTangents(d[0] ? by_gate(d[0]) : Tensor(), d[1] ? kernels::SiluMul(gate, d[1]) : Tensor(),
                             gate.shape());
      });
}

}  // namespace tessera::ops
