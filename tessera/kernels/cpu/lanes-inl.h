// Rows of f32, bf16 and f16 as vectors of f32: loads, stores, and the loops over them.
//
// Included once an instruction set (see hwy/foreach_target.h), hence no #pragma once. A kernel written with these reads
// and writes exactly the values of its row, wherever the row begins. What happens to a value does not depend on where
// in a vector it stands, so cutting a tensor in other places for threads changes no bit.
#if defined(TESSERA_KERNELS_CPU_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_KERNELS_CPU_LANES_INL_H_
#undef TESSERA_KERNELS_CPU_LANES_INL_H_
#else
#define TESSERA_KERNELS_CPU_LANES_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tessera/core/dtype.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace lanes {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Words = hn::Rebind<uint32_t, Floats>;
using HalfWords = hn::Rebind<uint16_t, Floats>;
using Vector = hn::Vec<Floats>;
constexpr int64_t kLanes = hn::MaxLanes(Floats());

HWY_INLINE Vector Load(const float* p) { return hn::LoadU(Floats(), p); }
HWY_INLINE void Store(Vector v, float* p) { hn::StoreU(v, Floats(), p); }

// bfloat16 is the upper half of a float.
HWY_INLINE Vector Load(const BFloat16* p) {
  const auto bits = hn::LoadU(HalfWords(), reinterpret_cast<const uint16_t*>(p));
  return hn::BitCast(Floats(), hn::ShiftLeft<16>(hn::PromoteTo(Words(), bits)));
}

// To nearest, ties to even: adding 0x7fff and the last kept bit carries into the kept half when it must. NaN stays
// quiet.
HWY_INLINE void Store(Vector v, BFloat16* p) {
  const Words words;
  const auto bits = hn::BitCast(words, v);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(words, 1u));
  const auto rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(words, 0x7fffu))));
  const auto quiet = hn::Or(hn::ShiftRight<16>(bits), hn::Set(words, 0x40u));
  const auto is_nan = hn::RebindMask(words, hn::IsNaN(v));
  const auto kept = hn::IfThenElse(is_nan, quiet, rounded);
  const hn::Rebind<int32_t, Floats> integers;
  hn::StoreU(hn::DemoteTo(HalfWords(), hn::BitCast(integers, kept)), HalfWords(), reinterpret_cast<uint16_t*>(p));
}

#if HWY_TARGET == HWY_SCALAR
HWY_INLINE Vector Load(const Float16* p) { return hn::Set(Floats(), static_cast<float>(*p)); }
HWY_INLINE void Store(Vector v, Float16* p) { *p = Float16(hn::GetLane(v)); }
#else
HWY_INLINE Vector Load(const Float16* p) {
  const hn::Rebind<hwy::float16_t, Floats> halves;
  return hn::PromoteTo(Floats(), hn::LoadU(halves, reinterpret_cast<const hwy::float16_t*>(p)));
}
HWY_INLINE void Store(Vector v, Float16* p) {
  const hn::Rebind<hwy::float16_t, Floats> halves;
  hn::StoreU(hn::DemoteTo(halves, v), halves, reinterpret_cast<hwy::float16_t*>(p));
}
#endif

// The first n < kLanes values, zeros after them. MaskedLoad would want alignment and may read past the end.
template <typename T>
HWY_INLINE Vector LoadFirst(const T* p, int64_t n) {
  T values[kLanes] = {};
  std::memcpy(static_cast<void*>(values), p, static_cast<size_t>(n) * sizeof(T));
  return Load(values);
}
template <typename T>
HWY_INLINE void StoreFirst(Vector v, T* p, int64_t n) {
  T values[kLanes];
  Store(v, values);
  std::memcpy(static_cast<void*>(p), values, static_cast<size_t>(n) * sizeof(T));
}

// out[i] = f(in[i]…) for 0 <= i < n; the operands may have different types.
template <typename Out, typename F, typename... In>
HWY_INLINE void Map(int64_t n, Out* out, const F& f, const In*... in) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) Store(f(Load(in + i)...), out + i);
  if (i < n) StoreFirst(f(LoadFirst(in + i, n - i)...), out + i, n - i);
}

// The values of a row combined to one number: f(sum, in[i]…) in four running vectors, which `add` then folds together.
// Places past the end hold `nothing`, and f is not called for them.
struct Sum {
  HWY_INLINE Vector Nothing() const { return hn::Zero(Floats()); }
  HWY_INLINE Vector Join(Vector a, Vector b) const { return hn::Add(a, b); }
  HWY_INLINE float Across(Vector v) const { return hn::GetLane(hn::SumOfLanes(Floats(), v)); }
};
struct Greatest {
  HWY_INLINE Vector Nothing() const { return hn::Set(Floats(), -__builtin_inff()); }
  HWY_INLINE Vector Join(Vector a, Vector b) const { return hn::Max(a, b); }
  HWY_INLINE float Across(Vector v) const { return hn::GetLane(hn::MaxOfLanes(Floats(), v)); }
};

template <typename How, typename F, typename... In>
HWY_INLINE float Reduce(How how, int64_t n, const F& f, const In*... in) {
  Vector a = how.Nothing(), b = a, c = a, d = a;
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    a = how.Join(a, f(Load(in + i)...));
    b = how.Join(b, f(Load(in + i + kLanes)...));
    c = how.Join(c, f(Load(in + i + 2 * kLanes)...));
    d = how.Join(d, f(Load(in + i + 3 * kLanes)...));
  }
  for (; i + kLanes <= n; i += kLanes) a = how.Join(a, f(Load(in + i)...));
  if (i < n) {
    const auto present = hn::FirstN(Floats(), static_cast<size_t>(n - i));
    b = how.Join(b, hn::IfThenElse(present, f(LoadFirst(in + i, n - i)...), how.Nothing()));
  }
  return how.Across(how.Join(how.Join(a, b), how.Join(c, d)));
}

// Calls body(T{}) with the type of a dtype among f32, bf16 and f16.
template <typename Body>
HWY_INLINE void WithType(DType dtype, const Body& body) {
  if (dtype == DType::kF32) return body(float{});
  if (dtype == DType::kBF16) return body(BFloat16{});
  return body(Float16{});
}

}  // namespace lanes
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
