// Keys and values as they lie in a page of f16 or q8_0, converted to f32 in registers while a product reads them. For
// few rows: each number is converted once for all of them, and nothing is written. Many rows read a converted tile.
// The numbers are those of the tile, so are the bits of the products.
#if defined(TESSERA_KERNELS_CPU_STORED_PANELS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_KERNELS_CPU_STORED_PANELS_INL_H_
#undef TESSERA_KERNELS_CPU_STORED_PANELS_INL_H_
#else
#define TESSERA_KERNELS_CPU_STORED_PANELS_INL_H_
#endif

#include "tessera/kernels/cpu/tile-inl.h"

TESSERA_BEFORE_TILES();
namespace tessera::kernels::HWY_NAMESPACE {

// f16 [depth][cols].
struct HalfPanel {
  const std::byte* data;
  size_t depth, cols;

  size_t steps() const { return depth; }
  HWY_INLINE Vector Load(size_t u, size_t c) const {
    const hn::Rebind<hwy::float16_t, Floats> half;
    return hn::PromoteTo(Floats(), hn::LoadU(half, reinterpret_cast<const hwy::float16_t*>(data) + u * cols + c));
  }
};

HWY_INLINE Vector LoadBytes(const std::byte* from) {
  const hn::Rebind<int8_t, Floats> bytes;
  const hn::Rebind<int32_t, Floats> words;
  return hn::ConvertTo(Floats(), hn::PromoteTo(words, hn::LoadU(bytes, reinterpret_cast<const int8_t*>(from))));
}

// q8_0, keys: codes [D][64], and a scale for 32 steps of each column, f32 [D/32][64].
struct ByteKeys {
  const std::byte* data;
  const float* scales;
  size_t depth, cols;

  size_t steps() const { return depth; }
  HWY_INLINE Vector Load(size_t u, size_t c) const {
    return hn::Mul(hn::LoadU(Floats(), scales + u / 32 * cols + c), LoadBytes(data + u * cols + c));
  }
};

// q8_0, values: codes [64][Dv'], and a scale for 32 columns of each step, f32 [64][blocks].
struct ByteValues {
  const std::byte* data;
  const float* scales;
  size_t depth, cols, blocks;

  size_t steps() const { return depth; }
  HWY_INLINE Vector Load(size_t u, size_t c) const {
    return hn::Mul(hn::Set(Floats(), scales[u * blocks + c / 32]), LoadBytes(data + u * cols + c));
  }
};

}  // namespace tessera::kernels::HWY_NAMESPACE
TESSERA_AFTER_TILES();

#endif  // include guard of the instruction set
