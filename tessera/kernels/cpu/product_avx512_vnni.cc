// Integer products with AVX-512 VNNI: one instruction multiplies and sums four bytes in each of sixteen lanes.
#if defined(__x86_64__)
#include <hwy/base.h>
#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "tessera/kernels/cpu/product_kernels.h"
#include "tessera/kernels/quant_blocks.h"

HWY_PUSH_ATTRIBUTES("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")
namespace tessera::kernels {
namespace {

#include "tessera/kernels/cpu/lanes_avx512-inl.h"
#include "tessera/kernels/cpu/product_float-inl.h"

struct VnniLanes : Avx512Lanes {
  static constexpr int kIntegerRows = 12;  // 12 sums of integers, 12 of floats, the codes, scale and minimum: 27 of 32
  static constexpr int kDirectRows = 12;
  static constexpr int kPairRows = 6;  // of two panels: as many sums, two vectors of codes and one of x
  static constexpr bool kWideDotSubtractsZero = false;
  using I = __m512i;
  using W = __m512i;
  static I ZeroI() { return _mm512_setzero_si512(); }
  static I SetI(int32_t x) { return _mm512_set1_epi32(x); }
  static F ToFloat(I x) { return _mm512_cvtepi32_ps(x); }
  // The scale 2^(k/2) of a block of x. A tile has the weight's scales twice: 64 bytes further they are times √2. Bit 6
  // of a float is set in √2 2^e and not in 2^e.
  struct XScale {
    const uint8_t *value, *exponent;

    XScale(const uint8_t* scale, const uint8_t* power) : value(scale), exponent(power) {}
    F Times(const uint8_t* scales) const {
      const F chosen = Load(reinterpret_cast<const float*>(scales + (ReadAs<uint32_t>(value) & 64)));
      return _mm512_scalef_ps(chosen, Set(ReadAs<float>(exponent)));
    }
    F Times(F scale) const { return Mul(scale, Set(ReadAs<float>(value))); }
  };
  static I Dot(I sum, W codes, int32_t four) { return _mm512_dpbusd_epi32(sum, codes, _mm512_set1_epi32(four)); }
  static I WideDot(I sum, W codes, int32_t four) { return Dot(sum, codes, four); }

  static W LoadW(const uint8_t* p) { return _mm512_loadu_si512(p); }
  static void StoreW(W x, uint8_t* p) { _mm512_storeu_si512(p, x); }
  static W Or(W a, W b) { return _mm512_or_si512(a, b); }
  static W LowNibbles(W x) { return _mm512_and_si512(x, _mm512_set1_epi8(15)); }
  static W HighNibbles(W x) { return LowNibbles(_mm512_srli_epi16(x, 4)); }
  // Bit i of 64 as bit `at` of byte i.
  static W OrBit(W x, const uint8_t* bits, int at) {
    return _mm512_mask_add_epi8(x, ReadAs<uint64_t>(bits), x, _mm512_set1_epi8(static_cast<char>(1 << at)));
  }
  // Bits 2p and 2p + 1 of each byte, moved to bits `at` and above; p and `at` are known where this is inlined.
  static W TwoBits(W x, int p, int at) {
    const int left = at - 2 * p;
    const W moved = left > 0   ? _mm512_slli_epi16(x, static_cast<unsigned>(left))
                    : left < 0 ? _mm512_srli_epi16(x, static_cast<unsigned>(-left))
                               : x;
    return _mm512_and_si512(moved, _mm512_set1_epi8(static_cast<char>(3 << at)));
  }
  static W Levels(W x) {
    const __m128i levels =
        _mm_xor_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(kIQ4Levels.data())), _mm_set1_epi8(-128));
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(levels), x);
  }
  static void Prefetch(const uint8_t* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); }

  static float QuantizeBlock(const float* x, int8_t* q, int32_t sums[2], bool half_powers);
};

#include "tessera/kernels/cpu/product_integer-inl.h"

int32_t MaxOfLanes(__m512i x) {
  const __m256i eight = _mm256_max_epi32(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64(x, 1));
  __m128i most = _mm_max_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  most = _mm_max_epi32(most, _mm_shuffle_epi32(most, 0x4e));
  return _mm_cvtsi128_si32(_mm_max_epi32(most, _mm_shuffle_epi32(most, 0xb1)));
}

float VnniLanes::QuantizeBlock(const float* x, int8_t* q, int32_t sums[2], bool half_powers) {
  const F a = Load(x), b = Load(x + 16);
  // As integers, the bits of magnitudes are in order, and NaN is above infinity.
  const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
  const BlockScale s = ScaleOfBlock(
      std::bit_cast<float>(MaxOfLanes(_mm512_max_epi32(_mm512_and_si512(_mm512_castps_si512(a), magnitude),
                                                       _mm512_and_si512(_mm512_castps_si512(b), magnitude)))),
      half_powers);
  if (s.inverse == 0) {
    std::memset(q, 0, 32);
    sums[0] = sums[1] = 0;
    return s.scale;
  }
  const __m512i qa = _mm512_cvtps_epi32(_mm512_mul_ps(a, Set(s.inverse)));
  const __m512i qb = _mm512_cvtps_epi32(_mm512_mul_ps(b, Set(s.inverse)));
  const __m256i bytes = _mm256_set_m128i(_mm512_cvtepi32_epi8(qb), _mm512_cvtepi32_epi8(qa));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(q), bytes);
  // Sums of four bytes in eight lanes, then of the four lanes of each half.
  __m256i sum = _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_set1_epi8(1), bytes);
  sum = _mm256_add_epi32(sum, _mm256_shuffle_epi32(sum, 0x4e));
  sum = _mm256_add_epi32(sum, _mm256_shuffle_epi32(sum, 0xb1));
  sums[0] = _mm256_extract_epi32(sum, 0);
  sums[1] = _mm256_extract_epi32(sum, 4);
  return s.scale;
}

}  // namespace

const IntegerKernels& Avx512VnniIntegerKernels() {
  static const IntegerKernels table = MakeIntegerKernels<VnniLanes>();
  return table;
}

}  // namespace tessera::kernels
HWY_POP_ATTRIBUTES
#endif
