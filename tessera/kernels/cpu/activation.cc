#include "tessera/kernels/activation.h"

#include "tessera/kernels/reference/activation.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tessera/kernels/cpu/activation.cc"
#include "tessera/kernels/cpu/targets.h"
// after targets.h:
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tessera/kernels/cpu/elementwise-inl.h"
#include "tessera/kernels/cpu/gelu-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;
using lanes::Constant;
using lanes::GeluTanhInner;
using lanes::kCubic;
using lanes::kQuick;
using lanes::kSqrt2OverPi;
using lanes::RunMap;
using lanes::Vector;

// x σ(x) = x / (1 + e^-x)
HWY_INLINE Vector SiluOf(Vector x) { return hn::Div(x, hn::Add(Constant(1.0f), lanes::Exp(hn::Neg(x)))); }
// σ (1 + x (1 - σ))
HWY_INLINE Vector SiluSlope(Vector x) {
  const Vector one = Constant(1.0f), s = lanes::Sigmoid(x);
  return hn::Mul(s, hn::MulAdd(x, hn::Sub(one, s), one));
}
void ReluValues(const UnaryArgs& args) {
  RunMap(args, [](Vector x) HWY_ATTR {  // -0 and NaN stay
    return hn::IfThenElse(hn::Lt(x, hn::Zero(lanes::Floats())), hn::Zero(lanes::Floats()), x);
  });
}
void TanhValues(const UnaryArgs& args) {
  RunMap(args, [](Vector x) HWY_ATTR { return lanes::Tanh(x); });
}
void SigmoidValues(const UnaryArgs& args) {
  RunMap(args, [](Vector x) HWY_ATTR { return lanes::Sigmoid(x); });
}
void SiluValues(const UnaryArgs& args) {
  RunMap(args, [](Vector x) HWY_ATTR { return SiluOf(x); });
}
void GeluValues(const UnaryArgs& args) { RunMap(args, lanes::GeluOf()); }
void GeluTanhValues(const UnaryArgs& args) { RunMap(args, lanes::GeluTanhOf()); }
void QuickGeluValues(const UnaryArgs& args) { RunMap(args, lanes::QuickGeluOf()); }
void SiluMulValues(const BinaryArgs& args) {
  RunMap(args, [](Vector gate, Vector up) HWY_ATTR { return hn::Mul(SiluOf(gate), up); });
}

void ReluSlope(const BinaryArgs& args) {
  RunMap(args, [](Vector d, Vector x) HWY_ATTR {
    const Vector kept = hn::IfThenElseZero(hn::Gt(x, hn::Zero(lanes::Floats())), d);
    return hn::IfThenElse(hn::IsNaN(x), x, kept);
  });
}
void TanhSlope(const BinaryArgs& args) {
  RunMap(args, [](Vector d, Vector y) HWY_ATTR { return hn::Mul(d, hn::Sub(Constant(1.0f), hn::Mul(y, y))); });
}
void SigmoidSlope(const BinaryArgs& args) {
  RunMap(args, [](Vector d, Vector y) HWY_ATTR { return hn::Mul(hn::Mul(d, y), hn::Sub(Constant(1.0f), y)); });
}
void SiluSlopes(const BinaryArgs& args) {
  RunMap(args, [](Vector d, Vector x) HWY_ATTR { return hn::Mul(d, SiluSlope(x)); });
}
// Φ + x φ
void GeluSlope(const BinaryArgs& args) {
  RunMap(args, [](Vector d, Vector x) HWY_ATTR {
    const Vector density = hn::Mul(Constant(0.39894228f), lanes::HalfSquareExp(x));
    return hn::Mul(d, hn::MulAdd(x, density, lanes::NormalCdf(x)));
  });
}
// s = σ(2u):  s + x s (1 - s) 2u',  since (1 + tanh u)/2 = s and (1 - tanh² u)/2 = 2 s (1 - s)
void GeluTanhSlope(const BinaryArgs& args) {
  RunMap(args, [](Vector d, Vector x) HWY_ATTR {
    const Vector one = Constant(1.0f), u = GeluTanhInner(x), s = lanes::Sigmoid(hn::Add(u, u));
    const Vector inner = hn::Mul(Constant(2 * kSqrt2OverPi), hn::MulAdd(Constant(3 * kCubic), hn::Mul(x, x), one));
    return hn::Mul(d, hn::MulAdd(hn::Mul(x, hn::Mul(s, hn::Sub(one, s))), inner, s));
  });
}
void QuickGeluSlope(const BinaryArgs& args) {
  RunMap(args, [](Vector d, Vector x) HWY_ATTR { return hn::Mul(d, SiluSlope(hn::Mul(Constant(kQuick), x))); });
}

}  // namespace
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {
namespace {

HWY_EXPORT(ReluValues);
HWY_EXPORT(TanhValues);
HWY_EXPORT(SigmoidValues);
HWY_EXPORT(SiluValues);
HWY_EXPORT(GeluValues);
HWY_EXPORT(GeluTanhValues);
HWY_EXPORT(QuickGeluValues);
HWY_EXPORT(SiluMulValues);
HWY_EXPORT(ReluSlope);
HWY_EXPORT(TanhSlope);
HWY_EXPORT(SigmoidSlope);
HWY_EXPORT(SiluSlopes);
HWY_EXPORT(GeluSlope);
HWY_EXPORT(GeluTanhSlope);
HWY_EXPORT(QuickGeluSlope);

bool IsDouble(const Tensor& x) { return x.dtype() == DType::kF64; }

}  // namespace

Tensor Relu(const Tensor& x) { return IsDouble(x) ? reference::Relu(x) : RunUnary(TESSERA_DISPATCH(ReluValues), x); }
Tensor Tanh(const Tensor& x) { return IsDouble(x) ? reference::Tanh(x) : RunUnary(TESSERA_DISPATCH(TanhValues), x); }
Tensor Sigmoid(const Tensor& x) {
  return IsDouble(x) ? reference::Sigmoid(x) : RunUnary(TESSERA_DISPATCH(SigmoidValues), x);
}
Tensor Silu(const Tensor& x) { return IsDouble(x) ? reference::Silu(x) : RunUnary(TESSERA_DISPATCH(SiluValues), x); }
Tensor Gelu(const Tensor& x) { return IsDouble(x) ? reference::Gelu(x) : RunUnary(TESSERA_DISPATCH(GeluValues), x); }
Tensor GeluTanh(const Tensor& x) {
  return IsDouble(x) ? reference::GeluTanh(x) : RunUnary(TESSERA_DISPATCH(GeluTanhValues), x);
}
Tensor QuickGelu(const Tensor& x) {
  return IsDouble(x) ? reference::QuickGelu(x) : RunUnary(TESSERA_DISPATCH(QuickGeluValues), x);
}
Tensor SiluMul(const Tensor& gate, const Tensor& up) {
  return IsDouble(gate) ? reference::SiluMul(gate, up) : RunBinary(TESSERA_DISPATCH(SiluMulValues), gate, up);
}
Tensor Activate(const Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::kGelu:
      return Gelu(x);
    case Activation::kGeluTanh:
      return GeluTanh(x);
    case Activation::kQuickGelu:
      return QuickGelu(x);
    case Activation::kNone:
      break;
  }
  return x;
}
void SiluMulRow(const float* gate, const float* up, int64_t count, float* y) {
  const auto bytes = [](const float* p) { return reinterpret_cast<const std::byte*>(p); };
  TESSERA_DISPATCH(SiluMulValues)
  ({.dtype = DType::kF32,
    .a = bytes(gate),
    .b = bytes(up),
    .y = reinterpret_cast<std::byte*>(y),
    .n = count,
    .a_step = 1,
    .b_step = 1});
}

Tensor ReluDerivative(const Tensor& d, const Tensor& x) {
  return IsDouble(d) ? reference::ReluDerivative(d, x) : RunBinary(TESSERA_DISPATCH(ReluSlope), d, x);
}
Tensor TanhDerivative(const Tensor& d, const Tensor& y) {
  return IsDouble(d) ? reference::TanhDerivative(d, y) : RunBinary(TESSERA_DISPATCH(TanhSlope), d, y);
}
Tensor SigmoidDerivative(const Tensor& d, const Tensor& y) {
  return IsDouble(d) ? reference::SigmoidDerivative(d, y) : RunBinary(TESSERA_DISPATCH(SigmoidSlope), d, y);
}
Tensor SiluDerivative(const Tensor& d, const Tensor& x) {
  return IsDouble(d) ? reference::SiluDerivative(d, x) : RunBinary(TESSERA_DISPATCH(SiluSlopes), d, x);
}
Tensor GeluDerivative(const Tensor& d, const Tensor& x) {
  return IsDouble(d) ? reference::GeluDerivative(d, x) : RunBinary(TESSERA_DISPATCH(GeluSlope), d, x);
}
Tensor GeluTanhDerivative(const Tensor& d, const Tensor& x) {
  return IsDouble(d) ? reference::GeluTanhDerivative(d, x) : RunBinary(TESSERA_DISPATCH(GeluTanhSlope), d, x);
}
Tensor QuickGeluDerivative(const Tensor& d, const Tensor& x) {
  return IsDouble(d) ? reference::QuickGeluDerivative(d, x) : RunBinary(TESSERA_DISPATCH(QuickGeluSlope), d, x);
}

}  // namespace tessera::kernels
#endif
