// Sixteen lanes of AVX-512 with the dot products of bytes of VNNI. Included inside a target region, behind the lanes of
// AVX-512.

#include "tessera/kernels/cpu/fold_lanes-inl.h"

struct VnniLanes : Avx512Lanes {
  static constexpr int kIntegerRows = 12;  // 12 sums of integers, 12 of floats, the codes, scale and minimum: 27 of 32
  static constexpr int kDirectRows = 12;
  static constexpr int kPairRows = 6;      // of two panels: as many sums, two vectors of codes and one of x
  static constexpr size_t kTileForms = 4;  // of a scale in a tile: see XScale
  static constexpr bool kWideDotSubtractsZero = false;
  static constexpr bool kPairedMinimums = false;
  using I = __m512i;
  using W = __m512i;
  static I ZeroI() { return _mm512_setzero_si512(); }
  static I SetI(int32_t x) { return _mm512_set1_epi32(x); }
  static F ToFloat(I x) { return _mm512_cvtepi32_ps(x); }
  // The scale 2^(k/4) of a block of x.
  struct XScale {
    const uint8_t *value, *exponent;

    XScale(const uint8_t* scale, const uint8_t* power) : value(scale), exponent(power) {}
    F Times(const uint8_t* scales) const {
      const F chosen = Load(reinterpret_cast<const float*>(scales + QuarterBytes(ReadAs<float>(value))));
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
  static void PrefetchSoon(const uint8_t* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); }
  static void PrefetchLater(const std::byte* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T1); }

  static void QuantizeBlocks(const float* x, int n, uint8_t* codes, int64_t next_codes, RoundedBlocks& rounded);
};

// Eight blocks at once, because most of the work on one is to wait: the largest of its values, its scale, its codes and
// their sums follow from one another.
inline void VnniLanes::QuantizeBlocks(const float* x, int n, uint8_t* codes, int64_t next_codes,
                                      RoundedBlocks& rounded) {
  // As integers, the bits of magnitudes are in order, and NaN is above infinity.
  const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
  const auto bits = [&](const float* p) { return _mm512_and_si512(_mm512_loadu_si512(p), magnitude); };
  __m512i largest[8];
  for (int i = 0; i < 8; ++i) {
    const float* block = x + kBlockValues * std::min(i, n - 1);
    largest[i] = _mm512_max_epi32(bits(block), bits(block + 16));
  }
  // ScaleOfBlock and ExponentOf.
  const __m256i most = MostOfEach(largest);
  const __m256i biased =
      _mm256_sub_epi32(_mm256_srli_epi32(_mm256_add_epi32(most, _mm256_set1_epi32(0x10000)), 23), _mm256_set1_epi32(6));
  __m256 scale = _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
  __m256 inverse = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_sub_epi32(_mm256_set1_epi32(254), biased), 23));
  const __m256 greatest = _mm256_mul_ps(_mm256_castsi256_ps(most), inverse);
  __m256 times = _mm256_set1_ps(1), over = times;
  for (size_t i = 0; i < kMostCodes.size(); ++i) {
    const __mmask8 less = _mm256_cmp_ps_mask(greatest, _mm256_set1_ps(kMostCodes[i]), _CMP_LE_OQ);
    times = _mm256_mask_mov_ps(times, less, _mm256_set1_ps(0.5f * kQuarterPowers[3 - i]));
    over = _mm256_mask_mov_ps(over, less, _mm256_set1_ps(2 * kInversePowers[3 - i]));
  }
  scale = _mm256_mul_ps(scale, times);
  inverse = _mm256_mul_ps(inverse, over);
  const __mmask8 finite = _mm256_cmp_epi32_mask(most, _mm256_set1_epi32(0x7f800000), _MM_CMPINT_LT);
  const __mmask8 some = _mm256_mask_cmp_ps_mask(finite, _mm256_castsi256_ps(most), _mm256_set1_ps(1e-30f), _CMP_GE_OQ);
  scale = _mm256_mask_blend_ps(finite, _mm256_set1_ps(NAN), _mm256_maskz_mov_ps(some, scale));
  const __m256i power = _mm256_sub_epi32(_mm256_srli_epi32(_mm256_castps_si256(scale), 23), _mm256_set1_epi32(127));
  const __m256 exponent = _mm256_add_ps(_mm256_cvtepi32_ps(power), _mm256_set1_ps(0.5f));
  _mm256_store_ps(rounded.scale, scale);
  _mm256_storeu_ps(rounded.exponent, _mm256_mask_mov_ps(scale, finite, exponent));
  alignas(32) float inverses[8];
  _mm256_store_ps(inverses, _mm256_maskz_mov_ps(some, inverse));

  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  __m512i sums[4];  // of four codes, of two blocks each
  for (int i = 0; i < 8; i += 2) {
    __m512i words[2];
    for (int j = 0; j < 2; ++j) {
      const float* block = x + kBlockValues * std::min(i + j, n - 1);
      const __mmask16 lanes = (some >> (i + j) & 1) != 0 ? 0xffff : 0;
      const F codes_of_one = Set(inverses[i + j]);
      words[j] = _mm512_packs_epi32(_mm512_maskz_cvtps_epi32(lanes, Mul(Load(block), codes_of_one)),
                                    _mm512_maskz_cvtps_epi32(lanes, Mul(Load(block + 16), codes_of_one)));
    }
    const __m512i bytes = _mm512_permutexvar_epi32(order, _mm512_packs_epi16(words[0], words[1]));
    sums[i / 2] = _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_set1_epi8(1), bytes);
    if (i < n) _mm256_storeu_si256(reinterpret_cast<__m256i*>(codes + next_codes * i), _mm512_castsi512_si256(bytes));
    if (i + 1 < n)
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(codes + next_codes * (i + 1)),
                          _mm512_extracti64x4_epi64(bytes, 1));
  }
  // In each 128 bits the sums of a half: of the blocks 0, 2, 4, 6 twice, then of 1, 3, 5, 7.
  const auto add = [](__m512i a, __m512i b) { return _mm512_add_epi32(a, b); };
  const __m512i halves = FoldPairs(FoldWords(sums[0], sums[1], add), FoldWords(sums[2], sums[3], add), add);
  const __m512i by_half =
      _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15), halves);
  _mm512_storeu_si512(rounded.sums, by_half);
}
