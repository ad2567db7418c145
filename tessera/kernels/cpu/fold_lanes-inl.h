// Sums or maxima across the lanes of several vectors at once: eight cost three steps each instead of eight. Included
// inside a target region with AVX-512 F and VL and an unnamed namespace.

// Of each pair of vectors the lanes of both, halved: f(a0, a2), f(b0, b2), f(a1, a3), f(b1, b3) in each 128 bits.
template <class F>
__m512i FoldWords(__m512i a, __m512i b, const F& f) {
  return f(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
}
template <class F>
__m512i FoldPairs(__m512i a, __m512i b, const F& f) {
  return f(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
}

// The largest of the lanes of each of eight vectors, as integers.
inline __m256i MostOfEach(const __m512i (&x)[8]) {
  const auto most = [](__m512i a, __m512i b) { return _mm512_max_epi32(a, b); };
  __m512i four[2];  // in each 128 bits, a quarter of four vectors
  for (int i = 0; i < 2; ++i) {
    const __m512i* of = x + 4 * i;
    four[i] = FoldPairs(FoldWords(of[0], of[1], most), FoldWords(of[2], of[3], most), most);
  }
  const __m512i halves =
      most(_mm512_shuffle_i32x4(four[0], four[1], 0x88), _mm512_shuffle_i32x4(four[0], four[1], 0xdd));
  return _mm512_castsi512_si256(
      most(_mm512_shuffle_i32x4(halves, halves, 0x08), _mm512_shuffle_i32x4(halves, halves, 0x0d)));
}
