// Rows of tiles: sums of them, numbers in and out of storage, and the orders that products want their operands in.
// Included once an instruction set, like tile-inl.h. Lengths in lanes are multiples of kColumnStep.
#if defined(TESSERA_KERNELS_CPU_TILE_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_KERNELS_CPU_TILE_ROWS_INL_H_
#undef TESSERA_KERNELS_CPU_TILE_ROWS_INL_H_
#else
#define TESSERA_KERNELS_CPU_TILE_ROWS_INL_H_
#endif

#include "tessera/kernels/cpu/tile-inl.h"

TESSERA_BEFORE_TILES();
namespace tessera::kernels::HWY_NAMESPACE {

template <typename T>
void Clear(T* x, size_t n) {
  if (n > 0) std::memset(static_cast<void*>(x), 0, n * sizeof(T));
}

// x <- x · factor.
inline void ScaleRow(float factor, float* x, size_t n) {
  const Floats df;
  for (size_t j = 0; j < n; j += kLanes) hn::StoreU(hn::Mul(hn::LoadU(df, x + j), hn::Set(df, factor)), df, x + j);
}

// sum <- a · sum + b · x.
inline void MixRows(float a, float* sum, float b, const float* x, size_t n) {
  const Floats df;
  for (size_t j = 0; j < n; j += kLanes) {
    const Vector term = hn::Mul(hn::LoadU(df, x + j), hn::Set(df, b));
    hn::StoreU(hn::MulAdd(hn::LoadU(df, sum + j), hn::Set(df, a), term), df, sum + j);
  }
}

inline float DotRow(const float* a, const float* b, size_t n) {
  const Floats df;
  Vector sum = hn::Zero(df);
  for (size_t j = 0; j < n; j += kLanes) sum = hn::MulAdd(hn::LoadU(df, a + j), hn::LoadU(df, b + j), sum);
  return hn::GetLane(hn::SumOfLanes(df, sum));
}

inline float SumLanes(const float* sums) {
  const Floats df;
  return hn::GetLane(hn::SumOfLanes(df, hn::LoadU(df, sums)));
}

// `count` numbers of a plain dtype as f32.
inline void LoadRow(const std::byte* from, DType dtype, float* to, size_t count) {
  if (dtype == DType::kF32) {
    std::memcpy(to, from, count * sizeof(float));
  } else if (dtype == DType::kBF16) {
    const uint16_t* bits = reinterpret_cast<const uint16_t*>(from);
    for (size_t i = 0; i < count; ++i) {
      const uint32_t word = static_cast<uint32_t>(bits[i]) << 16;
      std::memcpy(to + i, &word, sizeof(word));
    }
  } else {
    const Floats df;
    const hn::Rebind<hwy::float16_t, Floats> half;
    const hwy::float16_t* numbers = reinterpret_cast<const hwy::float16_t*>(from);
    size_t i = 0;
    for (; i + kLanes <= count; i += kLanes) hn::StoreU(hn::PromoteTo(df, hn::LoadU(half, numbers + i)), df, to + i);
    for (; i < count; ++i) to[i] = Float16::ToFloat(reinterpret_cast<const uint16_t*>(from)[i]);
  }
}
// Products of bf16 take bf16, or f32 that is rounded.
inline void LoadRow(const std::byte* from, DType dtype, BFloat16* to, size_t count) {
  if (dtype == DType::kF32) {
    for (size_t i = 0; i < count; ++i) to[i] = BFloat16(reinterpret_cast<const float*>(from)[i]);
  } else {
    std::memcpy(static_cast<void*>(to), from, count * sizeof(BFloat16));
  }
}

// f32 numbers as a plain dtype, rounded to nearest even.
inline void StoreRow(const float* from, DType dtype, std::byte* to, size_t count) {
  if (dtype == DType::kF32) {
    std::memcpy(to, from, count * sizeof(float));
  } else if (dtype == DType::kBF16) {
    for (size_t i = 0; i < count; ++i) reinterpret_cast<BFloat16*>(to)[i] = BFloat16(from[i]);
  } else {
    for (size_t i = 0; i < count; ++i) reinterpret_cast<Float16*>(to)[i] = Float16(from[i]);
  }
}

// B = Aᵀ of kTransposed x kTransposed words, in registers.
#if HWY_TARGET == HWY_AVX3
constexpr size_t kTransposed = 16;
// In each quarter, the first (second) pairs of words of x and y.
HWY_INLINE __m512 LowHalves(__m512 x, __m512 y) {
  return _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(x), _mm512_castps_pd(y)));
}
HWY_INLINE __m512 HighHalves(__m512 x, __m512 y) {
  return _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(x), _mm512_castps_pd(y)));
}
inline void TransposeBlock(const float* a, size_t a_stride, float* b, size_t b_stride) {
  __m512 r[16], t[16];
#pragma GCC unroll 16
  for (size_t i = 0; i < 16; ++i) r[i] = _mm512_loadu_ps(a + i * a_stride);
#pragma GCC unroll 8
  for (size_t i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 4
  for (size_t i = 0; i < 16; i += 4) {  // r[i + j]: in quarter q, column 4 q + j of rows i … i + 3
    r[i] = LowHalves(t[i], t[i + 2]), r[i + 1] = HighHalves(t[i], t[i + 2]);
    r[i + 2] = LowHalves(t[i + 1], t[i + 3]), r[i + 3] = HighHalves(t[i + 1], t[i + 3]);
  }
#pragma GCC unroll 4
  for (size_t j = 0; j < 4; ++j) {  // quarters 0 and 2 (0x88) or 1 and 3 (0xdd) of each operand
    const __m512 even0 = _mm512_shuffle_f32x4(r[j], r[4 + j], 0x88);
    const __m512 even8 = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0x88);
    const __m512 odd0 = _mm512_shuffle_f32x4(r[j], r[4 + j], 0xdd);
    const __m512 odd8 = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0xdd);
    _mm512_storeu_ps(b + j * b_stride, _mm512_shuffle_f32x4(even0, even8, 0x88));
    _mm512_storeu_ps(b + (4 + j) * b_stride, _mm512_shuffle_f32x4(odd0, odd8, 0x88));
    _mm512_storeu_ps(b + (8 + j) * b_stride, _mm512_shuffle_f32x4(even0, even8, 0xdd));
    _mm512_storeu_ps(b + (12 + j) * b_stride, _mm512_shuffle_f32x4(odd0, odd8, 0xdd));
  }
}
#elif HWY_TARGET != HWY_SCALAR
constexpr size_t kTransposed = 4;
inline void TransposeBlock(const float* a, size_t a_stride, float* b, size_t b_stride) {
  const hn::FixedTag<float, 4> d4;
  const hn::FixedTag<double, 2> d2;
  const auto r0 = hn::LoadU(d4, a), r1 = hn::LoadU(d4, a + a_stride);
  const auto r2 = hn::LoadU(d4, a + 2 * a_stride), r3 = hn::LoadU(d4, a + 3 * a_stride);
  const auto low01 = hn::BitCast(d2, hn::InterleaveLower(d4, r0, r1));
  const auto low23 = hn::BitCast(d2, hn::InterleaveLower(d4, r2, r3));
  const auto high01 = hn::BitCast(d2, hn::InterleaveUpper(d4, r0, r1));
  const auto high23 = hn::BitCast(d2, hn::InterleaveUpper(d4, r2, r3));
  hn::StoreU(hn::BitCast(d4, hn::InterleaveLower(d2, low01, low23)), d4, b);
  hn::StoreU(hn::BitCast(d4, hn::InterleaveUpper(d2, low01, low23)), d4, b + b_stride);
  hn::StoreU(hn::BitCast(d4, hn::InterleaveLower(d2, high01, high23)), d4, b + 2 * b_stride);
  hn::StoreU(hn::BitCast(d4, hn::InterleaveUpper(d2, high01, high23)), d4, b + 3 * b_stride);
}
#else
constexpr size_t kTransposed = 1;
inline void TransposeBlock(const float* a, size_t, float* b, size_t) { *b = *a; }
#endif

// B = Aᵀ, words of 32 bits moved.        A [m, n], B [n, m]
inline void TransposeWords(Tile<const float> a, Tile<float> b) {
  const size_t rows = a.rows / kTransposed * kTransposed, cols = a.cols / kTransposed * kTransposed;
  for (size_t i = 0; i < rows; i += kTransposed) {
    for (size_t j = 0; j < cols; j += kTransposed) TransposeBlock(a.Row(i) + j, a.stride, b.Row(j) + i, b.stride);
  }
  for (size_t i = 0; i < a.rows; ++i) {
    for (size_t j = i < rows ? cols : 0; j < a.cols; ++j) std::memcpy(b.Row(j) + i, a.Row(i) + j, sizeof(float));
  }
}

template <typename T>
Tile<const float> Words(Tile<const T> a) {
  return {reinterpret_cast<const float*>(a.data), a.rows, a.cols / kPerWord<T>, a.stride / kPerWord<T>};
}

// The panel of Aᵀ: A's columns are the summed axis.        A [n, k] with rows of whole words, B [k, n]
template <typename T>
void PackTransposed(Tile<const T> a, Panel<T> b) {
  const Tile<const float> words = Words(a);
  TransposeWords({words.data, words.rows, b.steps(), words.stride},
                 {reinterpret_cast<float*>(b.data), b.steps(), a.rows, b.stride});
}

// The panel of A: its rows are the summed axis.            A [k, n], k even, B [k, n'], zeros beyond n
inline void Pack(Tile<const float> a, Panel<float> b) {
  for (size_t p = 0; p < a.rows; ++p) {
    std::memcpy(b.Step(p), a.Row(p), a.cols * sizeof(float));
    Clear(b.Step(p) + a.cols, b.cols - a.cols);
  }
}
#if HWY_TARGET == HWY_AVX3
// The numbers of x that `present` has, in words.
HWY_INLINE __m512i Widened(const BFloat16* x, __mmask16 present) {
  return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(present, x));
}
inline void Pack(Tile<const BFloat16> a, Panel<BFloat16> b) {
  for (size_t c = 0; c < b.cols; c += kColumnStep) {
    const size_t left = a.cols > c ? a.cols - c : 0;
    const auto present = static_cast<__mmask16>(left >= kColumnStep ? 0xffff : (1u << left) - 1);
    for (size_t p = 0; p < a.rows; p += 2) {
      const __m512i first = Widened(a.Row(p) + c, present), second = Widened(a.Row(p + 1) + c, present);
      const __m512i pairs = _mm512_or_si512(first, _mm512_slli_epi32(second, 16));
      _mm512_storeu_si512(b.Step(p / 2) + 2 * c, pairs);
    }
  }
}
#endif

// Whether all numbers are finite.
template <typename T>
bool Finite(Panel<const T> a) {
  uint32_t bad = 0;
  for (size_t u = 0; u < a.steps(); ++u) {
    for (size_t c = 0; c < a.cols; ++c) {
      uint32_t word;
      std::memcpy(&word, a.Step(u) + c * kPerWord<T>, sizeof(word));
      bad |= (word & 0x7f800000u) == 0x7f800000u;
      if constexpr (kPerWord<T> == 2) bad |= (word & 0x7f80u) == 0x7f80u;
    }
  }
  return bad == 0;
}

}  // namespace tessera::kernels::HWY_NAMESPACE
TESSERA_AFTER_TILES();

#endif  // include guard of the instruction set
