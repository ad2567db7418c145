// The loops of functions of each value by itself: arguments and threads once, lanes once an instruction set.
#ifndef TESSERA_KERNELS_CPU_ELEMENTWISE_COMMON_H_
#define TESSERA_KERNELS_CPU_ELEMENTWISE_COMMON_H_

#include <algorithm>

#include "tessera/core/tensor.h"
#include "tessera/core/thread_pool.h"
#include "tessera/kernels/broadcast.h"

namespace tessera::kernels {

// Values a thread takes at a time: some microseconds of work, so that one token's row never wakes another thread.
inline constexpr int64_t kElementwiseGrain = 16384;

struct UnaryArgs {
  DType dtype;  // f32, bf16 or f16
  const std::byte* x;
  std::byte* y;
  int64_t n;
  float scale = 1, shift = 0;  // read only by kernels that have them
};
struct BinaryArgs {
  DType dtype;
  const std::byte *a, *b;
  std::byte* y;
  int64_t n;
  int64_t a_step, b_step;  // 0: one value for all; not both
};
using UnaryKernel = void (*)(const UnaryArgs&);
using BinaryKernel = void (*)(const BinaryArgs&);

inline Tensor RunUnary(UnaryKernel kernel, const Tensor& x, float scale = 1, float shift = 0) {
  Tensor y = Tensor::Empty(x.shape(), x.dtype());
  const int64_t size = Info(x.dtype()).block_bytes;
  std::byte* out = y.mutable_raw();
  ParallelForRange(x.numel(), kElementwiseGrain, [&](int64_t begin, int64_t end) {
    kernel({x.dtype(), x.raw() + begin * size, out + begin * size, end - begin, scale, shift});
  });
  return y;
}

inline Tensor RunBinary(BinaryKernel kernel, const Tensor& a, const Tensor& b) {
  const BroadcastLoop loop(a.shape(), b.shape());
  Tensor y = Tensor::Empty(loop.shape, a.dtype());
  const int64_t size = Info(a.dtype()).block_bytes;
  std::byte* out = y.mutable_raw();
  const auto run = [&](int64_t outer, int64_t begin, int64_t end) {
    const auto [a_begin, b_begin] = loop.Begin(outer);
    kernel({a.dtype(), a.raw() + (a_begin + begin * loop.a_step) * size,
            b.raw() + (b_begin + begin * loop.b_step) * size, out + (outer * loop.inner + begin) * size, end - begin,
            loop.a_step, loop.b_step});
  };
  if (y.numel() == 0) return y;
  if (loop.outer == 1) {
    ParallelForRange(loop.inner, kElementwiseGrain, [&](int64_t begin, int64_t end) { run(0, begin, end); });
  } else {
    ParallelForRange(loop.outer, std::max<int64_t>(1, kElementwiseGrain / loop.inner), [&](int64_t begin, int64_t end) {
      for (int64_t outer = begin; outer < end; ++outer) run(outer, 0, loop.inner);
    });
  }
  return y;
}

}  // namespace tessera::kernels

#endif  // common part

#if defined(TESSERA_KERNELS_CPU_ELEMENTWISE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_KERNELS_CPU_ELEMENTWISE_INL_H_
#undef TESSERA_KERNELS_CPU_ELEMENTWISE_INL_H_
#else
#define TESSERA_KERNELS_CPU_ELEMENTWISE_INL_H_
#endif

#include "tessera/kernels/cpu/functions-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace lanes {

// y = f(x)
template <typename F>
HWY_INLINE void RunMap(const UnaryArgs& args, const F& f) {
  WithType(args.dtype, [&]<typename T>(T) HWY_ATTR {
    Map(args.n, reinterpret_cast<T*>(args.y), f, reinterpret_cast<const T*>(args.x));
  });
}

// y = f(a, b), either of which may be one value for all.
template <typename F>
HWY_INLINE void RunMap(const BinaryArgs& args, const F& f) {
  WithType(args.dtype, [&]<typename T>(T) HWY_ATTR {
    const T *a = reinterpret_cast<const T*>(args.a), *b = reinterpret_cast<const T*>(args.b);
    T* y = reinterpret_cast<T*>(args.y);
    if (args.a_step != 0 && args.b_step != 0) {
      Map(args.n, y, f, a, b);
    } else if (args.b_step == 0) {
      const Vector same = Constant(static_cast<float>(*b));
      Map(
          args.n, y, [&](Vector v) HWY_ATTR { return f(v, same); }, a);
    } else {
      const Vector same = Constant(static_cast<float>(*a));
      Map(
          args.n, y, [&](Vector v) HWY_ATTR { return f(same, v); }, b);
    }
  });
}

}  // namespace lanes
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
