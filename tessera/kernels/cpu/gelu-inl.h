// The three forms of GELU (Hendrycks and Gimpel 2016) on a vector of f32: for kernels/activation.h, and where a
// product's sums are finished.
#if defined(TESSERA_KERNELS_CPU_GELU_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_KERNELS_CPU_GELU_INL_H_
#undef TESSERA_KERNELS_CPU_GELU_INL_H_
#else
#define TESSERA_KERNELS_CPU_GELU_INL_H_
#endif

#include "tessera/kernels/cpu/functions-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace lanes {

constexpr float kSqrt2OverPi = 0.79788456080286535588f, kCubic = 0.044715f, kQuick = 1.702f;

// √(2/π) (x + 0.044715 x³)
HWY_INLINE Vector GeluTanhInner(Vector x) {
  return hn::Mul(Constant(kSqrt2OverPi), hn::MulAdd(hn::Mul(Constant(kCubic), hn::Mul(x, x)), x, x));
}

struct GeluOf {
  HWY_INLINE Vector operator()(Vector x) const { return hn::Mul(x, NormalCdf(x)); }
};
// (1 + tanh u) / 2 = σ(2u), which keeps its digits where tanh u is near -1
struct GeluTanhOf {
  HWY_INLINE Vector operator()(Vector x) const {
    const Vector u = GeluTanhInner(x);
    return hn::Mul(x, Sigmoid(hn::Add(u, u)));
  }
};
struct QuickGeluOf {
  HWY_INLINE Vector operator()(Vector x) const { return hn::Mul(x, Sigmoid(hn::Mul(Constant(kQuick), x))); }
};

}  // namespace lanes
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
