// The products and the softmax of attention in 8 bits, for tiles of keys as int8_keys.h has them. Included inside a
// target region with AVX-512 VNNI and an unnamed namespace, after int8_rows-inl.h.

constexpr int64_t kTile = kInt8TileKeys;
constexpr int64_t kScoreRows = 6;  // beside a stripe's four vectors: 24 sums, 4 vectors of keys and one of the query
constexpr float kLog2E = 1.44269504088896341f;
constexpr float kFarAbove = 8;

inline __m512i WordOf(const void* x) {
  int32_t word;
  std::memcpy(&word, x, sizeof(word));
  return _mm512_set1_epi32(word);
}

// S = Q̂ K̂ᵀ of kScoreRows rows and a stripe. `start` is -128 Σ q̂ of each row: keys lie as code + 128.
//   q [6, pitch] codes, k [words, 64, 4], s [6, kTile]
inline void StripeScores(const int8_t* q, int64_t pitch, const int32_t* start, const uint8_t* k, int64_t words,
                         int32_t* s) {
  __m512i sum[kScoreRows][4];
#pragma GCC unroll 6
  for (int r = 0; r < kScoreRows; ++r) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) sum[r][i] = _mm512_set1_epi32(start[r]);
  }
  for (int64_t w = 0; w < words; ++w, k += 4 * kStripeKeys) {
    __m512i keys[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) keys[i] = _mm512_loadu_si512(k + 64 * i);
#pragma GCC unroll 6
    for (int r = 0; r < kScoreRows; ++r) {
      const __m512i four = WordOf(q + r * pitch + 4 * w);
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) sum[r][i] = _mm512_dpbusd_epi32(sum[r][i], keys[i], four);
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < kScoreRows; ++r) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) _mm512_storeu_si512(s + r * kTile + 16 * i, sum[r][i]);
  }
}

// The largest lane, in all lanes.
inline __m512 MostOfLanes(__m512 x) {
  x = _mm512_max_ps(x, _mm512_shuffle_f32x4(x, x, 0x4e));
  x = _mm512_max_ps(x, _mm512_shuffle_f32x4(x, x, 0xb1));
  x = _mm512_max_ps(x, _mm512_permute_ps(x, 0x4e));
  return _mm512_max_ps(x, _mm512_permute_ps(x, 0xb1));
}

// 255 · 128 · 2^(-i/64): sixteen bits hold a weight of 255 with seven more bits behind it. Made by the compiler, since
// nothing in this region may run before the processor is known.
struct PowersOfTwo {
  alignas(64) uint16_t of[64] = {};
  constexpr PowersOfTwo() {
    double power = 32640;
    for (uint16_t& entry : of) {
      entry = static_cast<uint16_t>(power + 0.5);
      power *= 0.98922801319397548;  // 2^(-1/64)
    }
  }
};
constexpr PowersOfTwo kPowersOfTwo;

// 128 · 255 · 2^-y as integers, of relative error 0.5 %, for y = below · factor / 64 >= 0: below rounds to k / 64, of
// which the lower six bits choose from the table, and the others shift what they chose.
struct Weights {
  __m512i low = _mm512_load_si512(kPowersOfTwo.of), high = _mm512_load_si512(kPowersOfTwo.of + 32);
  __m512 factor, most;

  explicit Weights(float f) : factor(_mm512_set1_ps(64 * f)), most(_mm512_set1_ps(0x1p20f / (64 * f))) {}
  __m512i operator()(__m512 below) const {
    // 1.5 · 2^23 has a unit of 1, so the sum's low bits are k; its upper half is a count that shifts everything out.
    const __m512 sum = _mm512_fmadd_ps(_mm512_min_ps(below, most), factor, _mm512_set1_ps(0x1.8p23f));
    const __m512i k = _mm512_castps_si512(sum);
    return _mm512_srlv_epi16(_mm512_permutex2var_epi16(low, k, high), _mm512_srli_epi32(k, 6));
  }
};

// 2^y for y <= 8, of relative error 1.5 · 2⁻²⁴; 0 for -inf, NaN for NaN.
inline __m512 Exp2(__m512 y) {
  const __m512 bounded = _mm512_max_ps(_mm512_set1_ps(-200.0f), y);  // NaN stays: max returns its second operand
  const __m512 n = _mm512_roundscale_ps(bounded, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 r = _mm512_sub_ps(bounded, n);
  __m512 q = _mm512_fmadd_ps(_mm512_set1_ps(0.0013264727f), r, _mm512_set1_ps(0.009671513f));
  q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(0.055507336f));
  q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(0.24022242f));
  q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(0.693147f));
  return _mm512_scalef_ps(_mm512_fmadd_ps(q, r, _mm512_set1_ps(1.0f)), n);
}

inline __m512 Scaled(const int32_t* s, const float* scales) {
  return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_loadu_si512(s)), _mm512_loadu_ps(scales));
}

// Four vectors of such integers / 128, rounded, as bytes: 32-bit word 4 l + i is lanes 4 l … 4 l + 3 of vector i.
inline __m512i Narrowed(const __m512i (&x)[4]) {
  const __m512i scale = _mm512_set1_epi16(256);  // a rounded product's upper half, (256 x + 2^14) / 2^15
  return _mm512_packus_epi16(_mm512_mulhrs_epi16(_mm512_packs_epi32(x[0], x[1]), scale),
                             _mm512_mulhrs_epi16(_mm512_packs_epi32(x[2], x[3]), scale));
}

// One row of a tile: z = s · scales, p = round(255 · 2^((z - max z) factor)), Σ p in lanes. Returns max z.
inline float WholeRowSoftmax(const int32_t* s, const float* scales, float factor, uint8_t* p, int32_t* sums) {
  __m512 z[kTile / 16];
#pragma GCC unroll 16
  for (int i = 0; i < kTile / 16; ++i) z[i] = Scaled(s + 16 * i, scales + 16 * i);
  __m512 most[4] = {z[0], z[1], z[2], z[3]};
#pragma GCC unroll 16
  for (int i = 4; i < kTile / 16; ++i) most[i % 4] = _mm512_max_ps(most[i % 4], z[i]);
  const __m512 top = MostOfLanes(_mm512_max_ps(_mm512_max_ps(most[0], most[1]), _mm512_max_ps(most[2], most[3])));
  const Weights weights(factor);
  __m512i sum = _mm512_setzero_si512();
#pragma GCC unroll 4
  for (int stripe = 0; stripe < kTileStripes; ++stripe) {
    __m512i weight[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) weight[i] = weights(_mm512_sub_ps(top, z[4 * stripe + i]));
    const __m512i bytes = Narrowed(weight);
    _mm512_storeu_si512(p + kStripeKeys * stripe, bytes);
    sum = _mm512_dpbusd_epi32(sum, bytes, _mm512_set1_epi8(1));
  }
  _mm512_storeu_si512(sums, sum);
  return _mm512_cvtss_f32(top);
}

// The same for a tile of `count` keys, where p is 0 beyond them up to a whole stripe.
inline float PartRowSoftmax(const int32_t* s, const float* scales, int64_t count, float factor, uint8_t* p,
                            int32_t* sums) {
  __m512 top = _mm512_set1_ps(-std::numeric_limits<float>::infinity());
  for (int64_t j = 0; j < count; j += 16)
    top = _mm512_mask_max_ps(top, FirstLanes(count - j), top, Scaled(s + j, scales + j));
  top = MostOfLanes(top);
  const Weights weights(factor);
  __m512i sum = _mm512_setzero_si512();
  for (int64_t j = 0; j < count; j += kStripeKeys) {
    __m512i weight[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const int64_t at = j + 16 * i;
      const __m512 below = _mm512_sub_ps(top, Scaled(s + at, scales + at));
      weight[i] = _mm512_maskz_mov_epi32(FirstLanes(count - at), weights(below));
    }
    const __m512i bytes = Narrowed(weight);
    _mm512_storeu_si512(p + j, bytes);
    sum = _mm512_dpbusd_epi32(sum, bytes, _mm512_set1_epi8(1));
  }
  _mm512_storeu_si512(sums, sum);
  return _mm512_cvtss_f32(top);
}

// What AddValues reads and writes, from one chunk of channels on.
struct ValueTile {
  const uint8_t* p;     // [rows, kTile]
  const int8_t* v;      // [steps, width, 4]
  const float* scales;  // [width]
  const float* weight;  // [rows]
  float* o;             // [rows, width]
  int64_t rows, steps, width;
};

// P̂ V̂ of kRows rows from r0 on and kVectors vectors of channels, to `sums` [kRows, 16 kVectors].
template <int kRows, int kVectors>
HWY_NOINLINE void MultiplyValues(const ValueTile& t, int64_t r0, int32_t* sums) {
  __m512i sum[kRows][kVectors];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 5
    for (int i = 0; i < kVectors; ++i) sum[r][i] = _mm512_setzero_si512();
  }
  const int8_t* v = t.v;
  const uint8_t* p = t.p + r0 * kTile;
  for (int64_t w = 0; w < t.steps; ++w, v += 4 * t.width, p += 4) {
    __m512i values[kVectors];
#pragma GCC unroll 5
    for (int i = 0; i < kVectors; ++i) values[i] = _mm512_loadu_si512(v + 64 * i);
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) {
      const __m512i four = WordOf(p + r * kTile);
#pragma GCC unroll 5
      for (int i = 0; i < kVectors; ++i) sum[r][i] = _mm512_dpbusd_epi32(sum[r][i], four, values[i]);
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 5
    for (int i = 0; i < kVectors; ++i) _mm512_storeu_si512(sums + 16 * (kVectors * r + i), sum[r][i]);
  }
}

// O += weight · scales · (P̂ V̂) of kVectors vectors of channels. The sums go through memory: that costs nothing beside
// the product, and GCC 12 keeps them in registers within its loop only if they are stored as they are.
template <int kRows, int kVectors>
void AddValues(const ValueTile& t) {
  int32_t sums[kRows * kVectors * 16];
  for (int64_t r0 = 0; r0 < t.rows; r0 += kRows) {
    MultiplyValues<kRows, kVectors>(t, r0, sums);
    for (int r = 0; r < kRows; ++r) {
      const __m512 weight = _mm512_set1_ps(t.weight[r0 + r]);
      float* o = t.o + (r0 + r) * t.width;
#pragma GCC unroll 5
      for (int i = 0; i < kVectors; ++i) {
        const __m512 sum = _mm512_cvtepi32_ps(_mm512_loadu_si512(sums + 16 * (kVectors * r + i)));
        const __m512 factor = _mm512_mul_ps(weight, _mm512_loadu_ps(t.scales + 16 * i));
        _mm512_storeu_ps(o + 16 * i, _mm512_fmadd_ps(sum, factor, _mm512_loadu_ps(o + 16 * i)));
      }
    }
  }
}
