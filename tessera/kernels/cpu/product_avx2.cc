// Float and integer products with AVX2 and FMA: sixteen lanes in two registers.
#if defined(__x86_64__)
#include <hwy/base.h>
#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "tessera/kernels/cpu/product_kernels.h"
#include "tessera/kernels/quant_blocks.h"

HWY_PUSH_ATTRIBUTES("avx2,fma,f16c,bmi2")
namespace tessera::kernels {
namespace {

struct Avx2Lanes {
  struct F {
    __m256 a, b;
  };
  struct I {
    __m256i a, b;
  };
  using W = I;
  static constexpr bool kPairs = false;  // a panel is two registers already
  static constexpr int kIntegerRows = 3;
  static constexpr int kDirectRows = 3;
  static constexpr size_t kTileForms = 1;  // of a scale in a tile: the scale alone
  static constexpr bool kWideDotSubtractsZero = true;
  static constexpr bool kPairedMinimums = false;

  static F Zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static F Set(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static F Load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static void Store(F x, float* p) {
    _mm256_storeu_ps(p, x.a);
    _mm256_storeu_ps(p + 8, x.b);
  }
  // Lane i of the mask for n values is set if i < n, where `first` is the number of the register's first lane.
  static __m256i Mask(int n, int first) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n - first), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  static F LoadUpTo(const float* p, int n) {
    if (n == 16) return Load(p);
    return {_mm256_maskload_ps(p, Mask(n, 0)), n > 8 ? _mm256_maskload_ps(p + 8, Mask(n, 8)) : _mm256_setzero_ps()};
  }
  static void StoreUpTo(F x, float* p, int n) {
    if (n == 16) return Store(x, p);
    _mm256_maskstore_ps(p, Mask(n, 0), x.a);
    if (n > 8) _mm256_maskstore_ps(p + 8, Mask(n, 8), x.b);
  }
  static F Mul(F x, F y) { return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
  static F MulAdd(F x, F y, F z) { return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)}; }
  static F Negate(F x) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return {_mm256_xor_ps(x.a, sign), _mm256_xor_ps(x.b, sign)};
  }
  static F LoadF16(const void* p) {
    const __m128i* from = static_cast<const __m128i*>(p);
    return {_mm256_cvtph_ps(_mm_loadu_si128(from)), _mm256_cvtph_ps(_mm_loadu_si128(from + 1))};
  }
  static float OneF16(uint16_t bits) { return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(bits))); }
  static F EvenBf16(const uint16_t* p) {
    const I x = LoadW(reinterpret_cast<const uint8_t*>(p));
    return {_mm256_castsi256_ps(_mm256_slli_epi32(x.a, 16)), _mm256_castsi256_ps(_mm256_slli_epi32(x.b, 16))};
  }
  static F OddBf16(const uint16_t* p) {
    const I x = And(LoadW(reinterpret_cast<const uint8_t*>(p)), _mm256_set1_epi32(-65536));
    return {_mm256_castsi256_ps(x.a), _mm256_castsi256_ps(x.b)};
  }
  static F LoadU8(const void* p) {
    const __m128i x = _mm_loadu_si128(static_cast<const __m128i*>(p));
    return ToFloat({_mm256_cvtepu8_epi32(x), _mm256_cvtepu8_epi32(_mm_srli_si128(x, 8))});
  }
  static F LoadLowNibbles(const void* p) { return NibblesOf(_mm_loadu_si128(static_cast<const __m128i*>(p))); }
  static F LoadHighNibbles(const void* p) {
    return NibblesOf(_mm_srli_epi16(_mm_loadu_si128(static_cast<const __m128i*>(p)), 4));
  }
  static F NibblesOf(__m128i bytes) {
    const __m128i x = _mm_and_si128(bytes, _mm_set1_epi8(15));
    return ToFloat({_mm256_cvtepu8_epi32(x), _mm256_cvtepu8_epi32(_mm_srli_si128(x, 8))});
  }
  static F LoadI8(const void* p) {
    const __m128i x = _mm_loadu_si128(static_cast<const __m128i*>(p));
    return ToFloat({_mm256_cvtepi8_epi32(x), _mm256_cvtepi8_epi32(_mm_srli_si128(x, 8))});
  }

  static I ZeroI() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
  static I SetI(int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
  static F ToFloat(I x) { return {_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)}; }
  struct XScale {
    F value;

    XScale(const uint8_t* scale, const uint8_t*) : value(Set(ReadAs<float>(scale))) {}
    F Times(const uint8_t* scales) const { return Mul(Load(reinterpret_cast<const float*>(scales)), value); }
    F Times(const F& scale) const { return Mul(scale, value); }
  };
  // Sums of two products fit 16 bits, since codes are at most 63 here, and |four| at most 127.
  static I Dot(I sum, W codes, int32_t four) {
    const __m256i x = _mm256_set1_epi32(four), ones = _mm256_set1_epi16(1);
    return {_mm256_add_epi32(sum.a, _mm256_madd_epi16(_mm256_maddubs_epi16(codes.a, x), ones)),
            _mm256_add_epi32(sum.b, _mm256_madd_epi16(_mm256_maddubs_epi16(codes.b, x), ones))};
  }
  // Σ (code - 128) x: as |w| and x with the sign of w, where |w| <= 128 and 2 · 128 · 127 fits 16 bits.
  static I WideDot(I sum, W codes, int32_t four) {
    const __m256i x = _mm256_set1_epi32(four), ones = _mm256_set1_epi16(1), flip = _mm256_set1_epi8(-128);
    const __m256i a = _mm256_xor_si256(codes.a, flip), b = _mm256_xor_si256(codes.b, flip);
    return {_mm256_add_epi32(sum.a,
                             _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_abs_epi8(a), _mm256_sign_epi8(x, a)), ones)),
            _mm256_add_epi32(
                sum.b, _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_abs_epi8(b), _mm256_sign_epi8(x, b)), ones))};
  }

  static W LoadW(const uint8_t* p) {
    const __m256i* from = reinterpret_cast<const __m256i*>(p);
    return {_mm256_loadu_si256(from), _mm256_loadu_si256(from + 1)};
  }
  static void StoreW(W x, uint8_t* p) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x.a);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 32), x.b);
  }
  static W And(W x, __m256i y) { return {_mm256_and_si256(x.a, y), _mm256_and_si256(x.b, y)}; }
  static W Or(W x, W y) { return {_mm256_or_si256(x.a, y.a), _mm256_or_si256(x.b, y.b)}; }
  static W LowNibbles(W x) { return And(x, _mm256_set1_epi8(15)); }
  static W HighNibbles(W x) { return LowNibbles({_mm256_srli_epi16(x.a, 4), _mm256_srli_epi16(x.b, 4)}); }
  // Bit `at` of byte i becomes bit i of 32 bits: spread byte i / 8 over eight bytes, then test one bit in each.
  static __m256i Spread(uint32_t bits, int at) {
    const __m256i spread = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3,
                                            3, 3, 3, 3, 3, 3, 3);
    const __m256i bit = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201u));
    const __m256i bytes = _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(static_cast<int>(bits)), spread), bit);
    return _mm256_and_si256(_mm256_cmpeq_epi8(bytes, bit), _mm256_set1_epi8(static_cast<char>(1 << at)));
  }
  static W OrBit(W x, const uint8_t* bits, int at) {
    uint32_t words[2];
    std::memcpy(words, bits, 8);
    return Or(x, {Spread(words[0], at), Spread(words[1], at)});
  }
  // Bits 2p and 2p + 1 of each byte, moved to bits `at` and above; p and `at` are known where this is inlined.
  static W TwoBits(W x, int p, int at) {
    const __m256i mask = _mm256_set1_epi8(static_cast<char>(3 << at));
    const int left = at - 2 * p;
    if (left > 0) return And({_mm256_slli_epi16(x.a, left), _mm256_slli_epi16(x.b, left)}, mask);
    if (left < 0) return And({_mm256_srli_epi16(x.a, -left), _mm256_srli_epi16(x.b, -left)}, mask);
    return And(x, mask);
  }
  static W Levels(W x) {
    const __m128i signed_levels = _mm_loadu_si128(reinterpret_cast<const __m128i*>(kIQ4Levels.data()));
    const __m256i levels = _mm256_broadcastsi128_si256(_mm_xor_si128(signed_levels, _mm_set1_epi8(-128)));
    return {_mm256_shuffle_epi8(levels, x.a), _mm256_shuffle_epi8(levels, x.b)};
  }
  static void PrefetchSoon(const uint8_t* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); }
  static void PrefetchLater(const std::byte* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T1); }

  static float QuantizeBlock(const float* x, int8_t* q, int32_t sums[2]);
};

#include "tessera/kernels/cpu/product_float-inl.h"
#include "tessera/kernels/cpu/product_integer-inl.h"

int32_t SumOfLanes(__m256i x) {
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1)));
}

int32_t MaxOfLanes(__m256i x) {
  __m128i most = _mm_max_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  most = _mm_max_epi32(most, _mm_shuffle_epi32(most, 0x4e));
  return _mm_cvtsi128_si32(_mm_max_epi32(most, _mm_shuffle_epi32(most, 0xb1)));
}

float Avx2Lanes::QuantizeBlock(const float* x, int8_t* q, int32_t sums[2]) {
  // As integers, the bits of magnitudes are in order, and NaN is above infinity.
  const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
  __m256i largest = _mm256_setzero_si256();
  for (int i = 0; i < 32; i += 8)
    largest = _mm256_max_epi32(largest, _mm256_and_si256(_mm256_castps_si256(_mm256_loadu_ps(x + i)), magnitude));
  const BlockScale s = ScaleOfBlock(std::bit_cast<float>(MaxOfLanes(largest)));
  if (s.inverse == 0) {
    std::memset(q, 0, 32);
    sums[0] = sums[1] = 0;
    return s.scale;
  }
  for (int half = 0; half < 2; ++half) {
    const __m256 inverse = _mm256_set1_ps(s.inverse);
    const __m256i a = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 16 * half), inverse));
    const __m256i b = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 16 * half + 8), inverse));
    sums[half] = SumOfLanes(_mm256_add_epi32(a, b));
    // Packing interleaves the halves of registers: [a0 b0 a1 b1] of 64 bits each, hence the permutation.
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xd8);
    const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(q + 16 * half), bytes);
  }
  return s.scale;
}

}  // namespace

const FloatKernels& Avx2FloatKernels() {
  static const FloatKernels table = MakeFloatKernels<Avx2Lanes>(std::make_integer_sequence<int, 6>());
  return table;
}

const IntegerKernels& Avx2IntegerKernels() {
  static const IntegerKernels table = MakeIntegerKernels<Avx2Lanes>();
  return table;
}

}  // namespace tessera::kernels
HWY_POP_ATTRIBUTES
#endif
