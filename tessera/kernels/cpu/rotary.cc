#include "tessera/kernels/rotary.h"

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/cpu/row_grain.h"
#include "tessera/kernels/reference/rotary.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tessera/kernels/cpu/rotary.cc"
#include "tessera/kernels/cpu/targets.h"
// after targets.h:
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tessera/kernels/cpu/lanes-inl.h"

#ifndef TESSERA_KERNELS_CPU_ROTARY_ARGS
#define TESSERA_KERNELS_CPU_ROTARY_ARGS
namespace tessera::kernels {

// The heads of one row t, which turn by the same angles.
struct RotaryRow {
  DType dtype;  // f32, bf16 or f16
  int64_t heads, size, pairs;
  const std::byte* x;      // [H, D]
  const float *cos, *sin;  // [R/2]
  std::byte* y;            // [H, D]
  RotaryOptions options;
};

}  // namespace tessera::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;
using lanes::kLanes;
using lanes::Vector;

struct Pair {
  Vector a, b;
};
// (a cos - b sin, b cos + a sin)
HWY_INLINE Pair Turn(Vector a, Vector b, Vector c, Vector s) {
  return {hn::Sub(hn::Mul(a, c), hn::Mul(b, s)), hn::Add(hn::Mul(b, c), hn::Mul(a, s))};
}

HWY_INLINE Vector Signed(Vector s, bool backwards) { return backwards ? hn::Neg(s) : s; }

template <typename T>
HWY_INLINE void TurnHalves(const RotaryRow& row, const T* x, T* y) {
  int64_t i = 0;
  for (; i + kLanes <= row.pairs; i += kLanes) {
    const Vector s = Signed(lanes::Load(row.sin + i), row.options.backwards);
    const Pair p = Turn(lanes::Load(x + i), lanes::Load(x + row.pairs + i), lanes::Load(row.cos + i), s);
    lanes::Store(p.a, y + i);
    lanes::Store(p.b, y + row.pairs + i);
  }
  const int64_t rest = row.pairs - i;
  if (rest == 0) return;
  const Vector s = Signed(lanes::LoadFirst(row.sin + i, rest), row.options.backwards);
  const Pair p = Turn(lanes::LoadFirst(x + i, rest), lanes::LoadFirst(x + row.pairs + i, rest),
                      lanes::LoadFirst(row.cos + i, rest), s);
  lanes::StoreFirst(p.a, y + i, rest);
  lanes::StoreFirst(p.b, y + row.pairs + i, rest);
}

// a and b of a pair are neighbours: in f32 an interleaved load parts them; halves go through a buffer of floats.
template <typename T>
HWY_INLINE void TurnPairs(const RotaryRow& row, const T* x, T* y) {
  const lanes::Floats df;
  const auto same = [](Vector v) HWY_ATTR { return v; };
  for (int64_t i = 0; i < row.pairs; i += kLanes) {
    const int64_t count = row.pairs - i < kLanes ? row.pairs - i : kLanes;
    float values[2 * kLanes] = {};
    lanes::Map(2 * count, values, same, x + 2 * i);
    Vector a, b;
    hn::LoadInterleaved2(df, values, a, b);
    const bool whole = count == kLanes;
    const Vector c = whole ? lanes::Load(row.cos + i) : lanes::LoadFirst(row.cos + i, count);
    const Vector s = whole ? lanes::Load(row.sin + i) : lanes::LoadFirst(row.sin + i, count);
    const Pair p = Turn(a, b, c, Signed(s, row.options.backwards));
    hn::StoreInterleaved2(p.a, p.b, df, values);
    const float* turned = values;
    lanes::Map(2 * count, y + 2 * i, same, turned);
  }
}

void RotaryOfRow(const RotaryRow& row) {
  lanes::WithType(row.dtype, [&]<typename T>(T) HWY_ATTR {
    for (int64_t head = 0; head < row.heads; ++head) {
      const T* x = reinterpret_cast<const T*>(row.x) + head * row.size;
      T* y = reinterpret_cast<T*>(row.y) + head * row.size;
      if (row.options.layout == RotaryLayout::kHalves)
        TurnHalves(row, x, y);
      else
        TurnPairs(row, x, y);
      for (int64_t i = 2 * row.pairs; i < row.size; ++i) y[i] = x[i];
    }
  });
}

}  // namespace
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {
namespace {
HWY_EXPORT(RotaryOfRow);
}  // namespace

Tensor Rotary(const Tensor& x, const Tensor& cos, const Tensor& sin, const RotaryOptions& options) {
  if (x.dtype() == DType::kF64) return reference::Rotary(x, cos, sin, options);
  Tensor y = Tensor::Empty(x.shape(), x.dtype());
  const int64_t heads = x.dim(1), size = x.dim(2), pairs = cos.dim(1);
  const int64_t step = heads * size * Info(x.dtype()).block_bytes;
  std::byte* out = y.mutable_raw();
  const auto kernel = TESSERA_DISPATCH(RotaryOfRow);
  ParallelForRange(x.dim(0), RowGrain(heads * size), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      kernel({.dtype = x.dtype(),
              .heads = heads,
              .size = size,
              .pairs = pairs,
              .x = x.raw() + t * step,
              .cos = cos.data<float>().data() + t * pairs,
              .sin = sin.data<float>().data() + t * pairs,
              .y = out + t * step,
              .options = options});
    }
  });
  return y;
}

}  // namespace tessera::kernels
#endif
