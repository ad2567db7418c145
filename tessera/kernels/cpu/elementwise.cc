#include "tessera/kernels/elementwise.h"

#include "tessera/kernels/reference/elementwise.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tessera/kernels/cpu/elementwise.cc"
#include "tessera/kernels/cpu/targets.h"
// after targets.h:
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tessera/kernels/cpu/elementwise-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;
using lanes::Constant;
using lanes::RunMap;
using lanes::Vector;

void AddValues(const BinaryArgs& args) {
  RunMap(args, [](Vector a, Vector b) HWY_ATTR { return hn::Add(a, b); });
}
void SubValues(const BinaryArgs& args) {
  RunMap(args, [](Vector a, Vector b) HWY_ATTR { return hn::Sub(a, b); });
}
void MulValues(const BinaryArgs& args) {
  RunMap(args, [](Vector a, Vector b) HWY_ATTR { return hn::Mul(a, b); });
}
void DivValues(const BinaryArgs& args) {
  RunMap(args, [](Vector a, Vector b) HWY_ATTR { return hn::Div(a, b); });
}
void AffineValues(const UnaryArgs& args) {
  const Vector scale = Constant(args.scale), shift = Constant(args.shift);
  RunMap(args, [&](Vector x) HWY_ATTR { return hn::Add(hn::Mul(x, scale), shift); });
}
void ExpValues(const UnaryArgs& args) {
  RunMap(args, [](Vector x) HWY_ATTR { return lanes::Exp(x); });
}
void SqrtValues(const UnaryArgs& args) {
  RunMap(args, [](Vector x) HWY_ATTR { return hn::Sqrt(x); });
}
void RsqrtValues(const UnaryArgs& args) {
  RunMap(args, [](Vector x) HWY_ATTR { return hn::Div(Constant(1.0f), hn::Sqrt(x)); });
}
void SquareValues(const UnaryArgs& args) {
  RunMap(args, [](Vector x) HWY_ATTR { return hn::Mul(x, x); });
}
// -d y³ / 2
void RsqrtDerivativeValues(const BinaryArgs& args) {
  RunMap(args,
         [](Vector d, Vector y) HWY_ATTR { return hn::Mul(hn::Mul(hn::Mul(hn::Mul(Constant(-0.5f), d), y), y), y); });
}

// Between f32 and a half: `x` has args.dtype.
template <typename From, typename To>
HWY_INLINE void CastAs(const UnaryArgs& args) {
  lanes::Map(
      args.n, reinterpret_cast<To*>(args.y), [](Vector x) HWY_ATTR { return x; },
      reinterpret_cast<const From*>(args.x));
}
void FromF32ToBf16(const UnaryArgs& args) { CastAs<float, BFloat16>(args); }
void FromF32ToF16(const UnaryArgs& args) { CastAs<float, Float16>(args); }
void FromBf16ToF32(const UnaryArgs& args) { CastAs<BFloat16, float>(args); }
void FromF16ToF32(const UnaryArgs& args) { CastAs<Float16, float>(args); }

}  // namespace
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {
namespace {

HWY_EXPORT(AddValues);
HWY_EXPORT(SubValues);
HWY_EXPORT(MulValues);
HWY_EXPORT(DivValues);
HWY_EXPORT(AffineValues);
HWY_EXPORT(ExpValues);
HWY_EXPORT(SqrtValues);
HWY_EXPORT(RsqrtValues);
HWY_EXPORT(SquareValues);
HWY_EXPORT(RsqrtDerivativeValues);
HWY_EXPORT(FromF32ToBf16);
HWY_EXPORT(FromF32ToF16);
HWY_EXPORT(FromBf16ToF32);
HWY_EXPORT(FromF16ToF32);

bool IsDouble(const Tensor& x) { return x.dtype() == DType::kF64; }

// The kernel between two dtypes, or null if Tensor::To must do.
UnaryKernel CastKernel(DType from, DType to) {
  if (from == DType::kF32 && to == DType::kBF16) return TESSERA_DISPATCH(FromF32ToBf16);
  if (from == DType::kF32 && to == DType::kF16) return TESSERA_DISPATCH(FromF32ToF16);
  if (from == DType::kBF16 && to == DType::kF32) return TESSERA_DISPATCH(FromBf16ToF32);
  if (from == DType::kF16 && to == DType::kF32) return TESSERA_DISPATCH(FromF16ToF32);
  return nullptr;
}

}  // namespace

Tensor Add(const Tensor& a, const Tensor& b) {
  return IsDouble(a) ? reference::Add(a, b) : RunBinary(TESSERA_DISPATCH(AddValues), a, b);
}
Tensor Sub(const Tensor& a, const Tensor& b) {
  return IsDouble(a) ? reference::Sub(a, b) : RunBinary(TESSERA_DISPATCH(SubValues), a, b);
}
Tensor Mul(const Tensor& a, const Tensor& b) {
  return IsDouble(a) ? reference::Mul(a, b) : RunBinary(TESSERA_DISPATCH(MulValues), a, b);
}
Tensor Div(const Tensor& a, const Tensor& b) {
  return IsDouble(a) ? reference::Div(a, b) : RunBinary(TESSERA_DISPATCH(DivValues), a, b);
}
Tensor Affine(const Tensor& x, float scale, float shift) {
  return IsDouble(x) ? reference::Affine(x, scale, shift) : RunUnary(TESSERA_DISPATCH(AffineValues), x, scale, shift);
}
Tensor Exp(const Tensor& x) { return IsDouble(x) ? reference::Exp(x) : RunUnary(TESSERA_DISPATCH(ExpValues), x); }
Tensor Log(const Tensor& x) { return reference::Log(x); }
Tensor Sqrt(const Tensor& x) { return IsDouble(x) ? reference::Sqrt(x) : RunUnary(TESSERA_DISPATCH(SqrtValues), x); }
Tensor Rsqrt(const Tensor& x) { return IsDouble(x) ? reference::Rsqrt(x) : RunUnary(TESSERA_DISPATCH(RsqrtValues), x); }
Tensor Square(const Tensor& x) {
  return IsDouble(x) ? reference::Square(x) : RunUnary(TESSERA_DISPATCH(SquareValues), x);
}
Tensor RsqrtDerivative(const Tensor& d, const Tensor& y) {
  return IsDouble(d) ? reference::RsqrtDerivative(d, y) : RunBinary(TESSERA_DISPATCH(RsqrtDerivativeValues), d, y);
}

Tensor Cast(const Tensor& x, DType dtype) {
  const UnaryKernel kernel = CastKernel(x.dtype(), dtype);
  if (kernel == nullptr) return reference::Cast(x, dtype);
  Tensor y = Tensor::Empty(x.shape(), dtype);
  const int64_t from = Info(x.dtype()).block_bytes, to = Info(dtype).block_bytes;
  std::byte* out = y.mutable_raw();
  ParallelForRange(x.numel(), kElementwiseGrain, [&](int64_t begin, int64_t end) {
    kernel({.dtype = x.dtype(), .x = x.raw() + begin * from, .y = out + begin * to, .n = end - begin});
  });
  return y;
}

}  // namespace tessera::kernels
#endif
