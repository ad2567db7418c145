// Keys and values as they lie in a page, for few rows, which read them once from memory. Numbers of f16 and q8_0 are
// converted to f32 in registers, once for all rows, and nothing is written; many rows read a converted tile. The
// numbers are those of the tile, so are the bits of the products.
//
// Pages are short and lie anywhere: a processor that guesses the next lines begins anew in each. So every step asks for
// the same place in the head's next page. Lines go to the second-level cache, which waits for more of them at once than
// the first: a fifth more tokens a second behind 8,192. A single row does nothing but wait for its keys. It asks for
// the first halves of stretches of 4 KB alone: the processor, on the track by then, brings the others, and keeps more
// lines on their way than requests may, a tenth to a fifth more bytes a second.
#if defined(TESSERA_KERNELS_CPU_STORED_PANELS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_KERNELS_CPU_STORED_PANELS_INL_H_
#undef TESSERA_KERNELS_CPU_STORED_PANELS_INL_H_
#else
#define TESSERA_KERNELS_CPU_STORED_PANELS_INL_H_
#endif

#include "tessera/kernels/cpu/tile-inl.h"

TESSERA_BEFORE_TILES();
namespace tessera::kernels::HWY_NAMESPACE {

struct ReadAhead {
  ptrdiff_t bytes = 0;  // from a place in a page to that in the next one; 0: there is none

  // For what lies `bytes` behind the `count` bytes at `from`; `waits`: memory is all that the caller waits for.
  HWY_INLINE void Ask(const void* from, size_t count, bool waits = false) const {
    if (bytes == 0) return;
    const char* line = static_cast<const char*>(from) + bytes;
    if (waits && (reinterpret_cast<uintptr_t>(line) & 2048) != 0) return;
    for (size_t i = 0; i < count; i += 64) __builtin_prefetch(line + i, 0, 2);
  }
};

// In the order that products of T read.
template <typename T>
struct StoredPanel : Panel<const T> {
  ReadAhead ahead;

  HWY_INLINE void Ahead(size_t u, size_t c, size_t n, bool waits) const {
    ahead.Ask(this->Step(u) + c * kPerWord<T>, n * sizeof(float), waits);
  }
};

#if HWY_TARGET == HWY_AVX3
// Rows of bf16, two of which make the pairs of a step: what Pack would write. depth is even.
struct RowPairs {
  const BFloat16* data;
  size_t depth, cols, stride;
  ReadAhead ahead;

  size_t steps() const { return depth / 2; }
  HWY_INLINE Vector Load(size_t u, size_t c) const {
    const auto row = [&](size_t r) HWY_ATTR {
      return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(data + r * stride + c)));
    };
    return Vector{_mm512_castsi512_ps(_mm512_or_si512(row(2 * u), _mm512_slli_epi32(row(2 * u + 1), 16)))};
  }
  HWY_INLINE void Ahead(size_t u, size_t c, size_t n, bool waits) const {
    ahead.Ask(data + 2 * u * stride + c, n * sizeof(BFloat16), waits);
    ahead.Ask(data + (2 * u + 1) * stride + c, n * sizeof(BFloat16), waits);
  }
};
#endif

// f16 [depth][cols].
struct HalfPanel {
  const std::byte* data;
  size_t depth, cols;
  ReadAhead ahead;

  size_t steps() const { return depth; }
  HWY_INLINE Vector Load(size_t u, size_t c) const {
    const hn::Rebind<hwy::float16_t, Floats> half;
    return hn::PromoteTo(Floats(), hn::LoadU(half, reinterpret_cast<const hwy::float16_t*>(data) + u * cols + c));
  }
  HWY_INLINE void Ahead(size_t u, size_t c, size_t n, bool waits) const {
    ahead.Ask(data + 2 * (u * cols + c), 2 * n, waits);
  }
};

HWY_INLINE Vector LoadBytes(const std::byte* from) {
  const hn::Rebind<int8_t, Floats> bytes;
  const hn::Rebind<int32_t, Floats> words;
  return hn::ConvertTo(Floats(), hn::PromoteTo(words, hn::LoadU(bytes, reinterpret_cast<const int8_t*>(from))));
}

// q8_0, keys: codes [D][64], and a scale for 32 steps of each column, f32 [⌈D/32⌉][64].
struct ByteKeys {
  const std::byte* data;
  const float* scales;
  size_t depth, cols;
  ReadAhead ahead;

  size_t steps() const { return depth; }
  HWY_INLINE Vector Load(size_t u, size_t c) const {
    return hn::Mul(hn::LoadU(Floats(), scales + u / 32 * cols + c), LoadBytes(data + u * cols + c));
  }
  HWY_INLINE void Ahead(size_t u, size_t c, size_t n, bool waits) const { ahead.Ask(data + u * cols + c, n, waits); }
};

// q8_0, values: codes [64][Dv'], and a scale for 32 columns of each step, f32 [⌈Dv/32⌉][64].
struct ByteValues {
  const std::byte* data;
  const float* scales;
  size_t depth, cols;
  ReadAhead ahead;

  size_t steps() const { return depth; }
  HWY_INLINE Vector Load(size_t u, size_t c) const {
    return hn::Mul(hn::Set(Floats(), scales[c / 32 * depth + u]), LoadBytes(data + u * cols + c));
  }
  HWY_INLINE void Ahead(size_t u, size_t c, size_t n, bool waits) const { ahead.Ask(data + u * cols + c, n, waits); }
};

// q8_0, keys and values in one: codes [64][D'], and a scale for 32 columns of each step, f32 [64][blocks].
struct ByteRows {
  const std::byte* data;
  const float* scales;
  size_t depth, cols, blocks;

  HWY_INLINE Vector Load(size_t u, size_t c) const {
    return hn::Mul(hn::Set(Floats(), scales[u * blocks + c / 32]), LoadBytes(data + u * cols + c));
  }
};

}  // namespace tessera::kernels::HWY_NAMESPACE
TESSERA_AFTER_TILES();

#endif  // include guard of the instruction set
