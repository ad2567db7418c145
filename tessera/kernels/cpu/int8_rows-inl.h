// Rows of numbers to and from f32, and to codes of 8 bits. Included inside a target region with AVX-512 F, BW and VL
// and an unnamed namespace.

inline __mmask16 FirstLanes(int64_t n) { return static_cast<__mmask16>(n >= 16 ? 0xffff : n <= 0 ? 0 : (1 << n) - 1); }

inline __m512 LoadLanes(const float* x, __mmask16 lanes) { return _mm512_maskz_loadu_ps(lanes, x); }
inline __m512 LoadLanes(const BFloat16* x, __mmask16 lanes) {
  const __m512i words = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lanes, x));
  return _mm512_castsi512_ps(_mm512_slli_epi32(words, 16));
}
inline __m512 LoadLanes(const Float16* x, __mmask16 lanes) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(lanes, x));
}

inline void StoreLanes(__m512 x, float* to, __mmask16 lanes) { _mm512_mask_storeu_ps(to, lanes, x); }
inline void StoreLanes(__m512 x, BFloat16* to, __mmask16 lanes) {  // to nearest, ties to even; NaN stays a quiet NaN
  const __m512i bits = _mm512_castps_si512(x), one = _mm512_set1_epi32(1);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), one);
  const __m512i up = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  const __m512i word = _mm512_mask_or_epi32(up, nan, bits, _mm512_set1_epi32(0x400000));
  _mm256_mask_storeu_epi16(to, lanes, _mm512_cvtepi32_epi16(_mm512_srli_epi32(word, 16)));
}
inline void StoreLanes(__m512 x, Float16* to, __mmask16 lanes) {
  _mm256_mask_storeu_epi16(to, lanes, _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

// Asks for a row of `dim` numbers. Rows of one head lie too far apart for the processor to guess the next.
template <typename T>
void PrefetchRow(const T* row, int64_t dim) {
  const char* line = reinterpret_cast<const char*>(row);
  for (int64_t i = 0; i < dim * static_cast<int64_t>(sizeof(T)); i += 64) _mm_prefetch(line + i, _MM_HINT_T0);
}

// As integers, the bits of magnitudes are in order, and NaN is above infinity.
inline __m512i Magnitude(__m512 x) { return _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7fffffff)); }

// 127 / most, or 0 where codes are all 0: nothing but zeros, or nothing that could be told from them, or not finite.
inline __m512 CodesOfOne(__m512 most) {
  const __mmask16 some = _mm512_cmp_ps_mask(most, _mm512_set1_ps(0x1p-120f), _CMP_GT_OQ);
  return _mm512_maskz_div_ps(some, _mm512_set1_ps(127.0f), most);
}
inline __m512 ScaleOf(__m512 most) { return _mm512_div_ps(most, _mm512_set1_ps(127.0f)); }

inline __m512i Codes(__m512 x, __m512 codes_of_one) { return _mm512_cvtps_epi32(_mm512_mul_ps(x, codes_of_one)); }

// Some of x - mean; `mean` may be null.
template <typename T>
__m512 Centered(const T* x, const float* mean, __mmask16 lanes) {
  const __m512 loaded = LoadLanes(x, lanes);
  return mean == nullptr ? loaded : _mm512_sub_ps(loaded, LoadLanes(mean, lanes));
}

// Codes of x - mean, `dim` numbers, those up to the next multiple of 4 cleared; returns their scale.
template <typename T>
float RoundRow(const T* x, const float* mean, int64_t dim, int8_t* codes) {
  const auto from = [mean](int64_t d) { return mean == nullptr ? nullptr : mean + d; };
  __m512i bits = _mm512_setzero_si512();
  for (int64_t d = 0; d < dim; d += 16)
    bits = _mm512_max_epi32(bits, Magnitude(Centered(x + d, from(d), FirstLanes(dim - d))));
  const __m512 most = _mm512_castsi512_ps(_mm512_set1_epi32(_mm512_reduce_max_epi32(bits)));
  const __m512 codes_of_one = CodesOfOne(most);
  for (int64_t d = 0; d < dim; d += 16) {
    const __m512 numbers = Centered(x + d, from(d), FirstLanes(dim - d));
    const __mmask16 lanes = FirstLanes((dim + 3) / 4 * 4 - d);
    _mm_mask_storeu_epi8(codes + d, lanes, _mm512_cvtepi32_epi8(Codes(numbers, codes_of_one)));
  }
  return _mm512_cvtss_f32(ScaleOf(most));
}
