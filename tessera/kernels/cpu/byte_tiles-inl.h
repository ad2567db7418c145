// Products of attention with the codes of q8_0 pages, where the processor sums products of bytes (AVX-512 VNNI). What
// meets the codes, queries and weighted probabilities, is rounded to sixteen bits and multiplied as two bytes, an upper
// and a lower one, so the sums are exact integers of sixteen bits times eight:
//
//   S = a Σ_b s_kb (q̂ · k̂)_b     q = a q̂, |q̂| <= 32639;  s_kb the scale of block b of a key
//   O += c_b (ŵ · v̂)_b           p_j s_jb = c_b ŵ_j, ŵ <= 65280, for each block b of 32 columns
//
// Half of the bytes of bf16, as many products, nothing converted: few rows read q8_0 as fast as memory gives it. The
// errors are 2⁻¹⁶ of the largest q, and of the largest p s in a tile. What a row gets depends on its own q and p and
// the codes alone, exact sums having no order.
//
// Included once an instruction set, like tile-inl.h; empty but for AVX3.
#if defined(TESSERA_KERNELS_CPU_BYTE_TILES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_KERNELS_CPU_BYTE_TILES_INL_H_
#undef TESSERA_KERNELS_CPU_BYTE_TILES_INL_H_
#else
#define TESSERA_KERNELS_CPU_BYTE_TILES_INL_H_
#endif

#include "tessera/kernels/cpu/softmax-inl.h"
#include "tessera/kernels/cpu/stored_panels-inl.h"
#include "tessera/kernels/cpu/tile_rows-inl.h"

#if HWY_TARGET == HWY_AVX3
HWY_PUSH_ATTRIBUTES(HWY_TARGET_STR ",avx512bf16,avx512vnni")
namespace tessera::kernels::HWY_NAMESPACE {

#include "tessera/kernels/cpu/fold_lanes-inl.h"

constexpr size_t kByteBlock = 32;  // numbers of one scale
constexpr float kMostQuery = 32639, kMostWeight = 65280;

// A tile's keys or values as they lie in a page (kv_layout.h), their scales [blocks, 64] in f32.
struct ByteTile {
  const int8_t* codes;
  const float* scales;
  size_t depth, cols;  // of the summed axis; of the other, which are lanes
  ReadAhead ahead;

  ByteTile Cols(size_t n) const { return {codes, scales, depth, n, ahead}; }
  ByteTile Depth(size_t) const { return *this; }  // weights of 0 cost less than a shorter sum
};

inline __m512i WordOfBytes(const void* x) {
  int32_t word;
  std::memcpy(&word, x, sizeof(word));
  return _mm512_set1_epi32(word);
}
// GCC 12 copies a loop's sums from register to register, two moves for each product, unless something needs them there.
HWY_INLINE void KeepInRegister(__m512i& x) { asm("" : "+v"(x)); }

// 256 upper + lower - start of two vectors of sums.
inline __m512 JoinedBytes(const int32_t* sums, __m512i start) {
  const __m512i upper = _mm512_slli_epi32(_mm512_loadu_si512(sums), 8);
  return _mm512_cvtepi32_ps(_mm512_add_epi32(upper, _mm512_sub_epi32(_mm512_loadu_si512(sums + kLanes), start)));
}

// Rows of queries as upper and lower bytes.
class ByteQueries {
 public:
  ByteQueries(size_t rows, size_t dim)
      : pitch_((dim + 3) / 4 * 4),
        blocks_((dim + kByteBlock - 1) / kByteBlock),
        bytes_(AllocateStorage(static_cast<int64_t>(rows * (2 * pitch_ + 4 * blocks_ + 4)))),
        scales_(reinterpret_cast<float*>(bytes_.get())),
        starts_(reinterpret_cast<int32_t*>(scales_ + rows)),
        upper_(reinterpret_cast<int8_t*>(starts_ + rows * blocks_)),
        lower_(upper_ + rows * pitch_) {}

  // Row r from `dim` numbers and zeros up to a multiple of 16.
  void Set(size_t r, const float* x, size_t dim) {
    // As integers, the bits of magnitudes are in order, and NaN is above infinity.
    __m512i bits = _mm512_setzero_si512();
    for (size_t d = 0; d < dim; d += kLanes)
      bits = _mm512_max_epi32(bits, _mm512_and_si512(_mm512_loadu_si512(x + d), _mm512_set1_epi32(0x7fffffff)));
    const auto most = std::bit_cast<float>(_mm512_reduce_max_epi32(bits));
    const bool finite = most < kInfinity, some = finite && most > 0x1p-100f;
    scales_[r] = !finite ? std::numeric_limits<float>::quiet_NaN() : some ? most / kMostQuery : 0;
    const __m512 codes_of_one = _mm512_set1_ps(some ? kMostQuery / most : 0);
    std::fill_n(starts_ + r * blocks_, blocks_, 0);
    for (size_t d = 0; d < pitch_; d += kLanes) {
      const auto lanes = static_cast<__mmask16>(pitch_ - d >= kLanes ? 0xffff : (1u << (pitch_ - d)) - 1);
      const __mmask16 kept = some ? lanes : 0;
      const __m512i code = _mm512_maskz_cvtps_epi32(kept, _mm512_mul_ps(_mm512_loadu_ps(x + d), codes_of_one));
      // The lower byte is signed: the upper one makes up for it.
      const __m512i upper = _mm512_srai_epi32(_mm512_add_epi32(code, _mm512_set1_epi32(128)), 8);
      _mm_mask_storeu_epi8(lower_ + r * pitch_ + d, lanes, _mm512_cvtepi32_epi8(code));
      _mm_mask_storeu_epi8(upper_ + r * pitch_ + d, lanes, _mm512_cvtepi32_epi8(upper));
      starts_[r * blocks_ + d / kByteBlock] += 128 * _mm512_reduce_add_epi32(code);
    }
  }

  // S of rows r0 … r0 + s.rows - 1 and the first k.cols keys.
  void Scores(size_t r0, const ByteTile& k, Tile<float> s) const {
    for (size_t r = 0; r < s.rows; r += kRows) {
      const size_t n = std::min(kRows, s.rows - r);
      const Tile<float> rows = s.Rows(r, n);
      if (n <= 3) {
        Columns<4>(std::make_index_sequence<3>(), r0 + r, k, rows, r0 + r == 0);
      } else {
        Columns<2>(std::make_index_sequence<kRows>(), r0 + r, k, rows, r0 + r == 0);
      }
    }
  }

 private:
  static constexpr size_t kRows = 6;

  template <size_t kN, size_t... kR>
  void Columns(std::index_sequence<kR...>, size_t r0, const ByteTile& k, Tile<float> s, bool ask) const {
    for (size_t c = 0; c < k.cols; c += kN * kLanes)
      (void)((s.rows == kR + 1 ? (Block<kR + 1, kN>(r0, k, s, c, ask), true) : false) || ...);
  }

  // kR rows by kN vectors of keys; those beyond k.cols are there, and their scores are not looked at.
  template <size_t kR, size_t kN>
  void Block(size_t r0, const ByteTile& k, Tile<float> s, size_t c, bool ask) const {
    alignas(64) int32_t sums[2 * kR * kN * kLanes];
    for (size_t b = 0, words = pitch_ / 4; 8 * b < words; ++b) {
      const size_t end = std::min(words, 8 * b + 8);
      const int8_t* codes = k.codes + 4 * (8 * b * kTile + c);
      Multiply<kR, kN>({upper_ + r0 * pitch_ + 32 * b, lower_ + r0 * pitch_ + 32 * b, pitch_}, codes, end - 8 * b,
                       ask ? k.ahead : ReadAhead(), sums);
      for (size_t r = 0; r < kR; ++r) {
        const __m512i start = _mm512_set1_epi32(starts_[(r0 + r) * blocks_ + b]);
        const __m512 scale = _mm512_set1_ps(scales_[r0 + r]);
        for (size_t i = 0; i < kN; ++i) {
          float* to = s.Row(r) + c + i * kLanes;
          const __m512 sum = JoinedBytes(sums + 2 * (r * kN + i) * kLanes, start);
          const __m512 factor = _mm512_mul_ps(scale, _mm512_loadu_ps(k.scales + b * kTile + c + i * kLanes));
          const __m512 before = b == 0 ? _mm512_setzero_ps() : _mm512_loadu_ps(to);
          _mm512_storeu_ps(to, _mm512_fmadd_ps(sum, factor, before));
        }
      }
    }
  }

  struct TwoBytes {
    const int8_t *upper, *lower;
    size_t pitch;
  };

  // Sums of the upper and the lower bytes, [kR, kN, 2] vectors. They go through memory: GCC 12 keeps them in registers
  // within its loop only if they are stored as they are.
  template <size_t kR, size_t kN>
  static HWY_NOINLINE void Multiply(TwoBytes q, const int8_t* codes, size_t words, ReadAhead ahead, int32_t* sums) {
    const __m512i flip = _mm512_set1_epi8(-128);  // codes become unsigned
    __m512i upper[kR][kN], lower[kR][kN];
#pragma GCC unroll 6
    for (size_t r = 0; r < kR; ++r) {
#pragma GCC unroll 4
      for (size_t i = 0; i < kN; ++i) upper[r][i] = lower[r][i] = _mm512_setzero_si512();
    }
    for (size_t w = 0; w < words; ++w, codes += 4 * kTile, q.upper += 4, q.lower += 4) {
      ahead.Ask(codes, kN * sizeof(__m512i));
      __m512i keys[kN];
#pragma GCC unroll 4
      for (size_t i = 0; i < kN; ++i) keys[i] = _mm512_xor_si512(_mm512_loadu_si512(codes + 64 * i), flip);
#pragma GCC unroll 6
      for (size_t r = 0; r < kR; ++r) {
        const __m512i high = WordOfBytes(q.upper + r * q.pitch), low = WordOfBytes(q.lower + r * q.pitch);
#pragma GCC unroll 4
        for (size_t i = 0; i < kN; ++i) {
          upper[r][i] = _mm512_dpbusd_epi32(upper[r][i], keys[i], high);
          lower[r][i] = _mm512_dpbusd_epi32(lower[r][i], keys[i], low);
        }
      }
    }
#pragma GCC unroll 6
    for (size_t r = 0; r < kR; ++r) {
#pragma GCC unroll 4
      for (size_t i = 0; i < kN; ++i) {
        _mm512_storeu_si512(sums + 2 * (r * kN + i) * kLanes, upper[r][i]);
        _mm512_storeu_si512(sums + (2 * (r * kN + i) + 1) * kLanes, lower[r][i]);
      }
    }
  }

  size_t pitch_, blocks_;
  std::shared_ptr<std::byte> bytes_;
  float* scales_;    // [R]
  int32_t* starts_;  // [R, blocks]: 128 Σ q̂, which unsigned codes bring too much
  int8_t *upper_, *lower_;
};

// The weights of up to six rows of p [rows, 64] for one block of columns.
struct ByteWeights {
  alignas(64) uint8_t upper[6][kTile], lower[6][kTile];
  alignas(32) float scale[8];

  ByteWeights(Tile<const float> p, const float* scales) {
    __m512i most[8];
    for (size_t r = 0; r < 8; ++r) {
      const float* row = p.Row(std::min(r, p.rows - 1));
      most[r] = Magnitude(Weighted(row, scales));
      for (size_t j = kLanes; j < kTile; j += kLanes)
        most[r] = _mm512_max_epi32(most[r], Magnitude(Weighted(row + j, scales + j)));
    }
    // As integers, the bits of magnitudes are in order, and NaN is above infinity: a sum with either is NaN.
    const __m256i bits = MostOfEach(most);
    const __m256 largest = _mm256_castsi256_ps(bits);
    const __mmask8 finite = _mm256_cmp_epi32_mask(bits, _mm256_set1_epi32(0x7f800000), _MM_CMPINT_LT);
    const __mmask8 some = _mm256_mask_cmp_ps_mask(finite, largest, _mm256_set1_ps(0x1p-100f), _CMP_GT_OQ);
    const __m256 nothing =
        _mm256_mask_blend_ps(finite, _mm256_set1_ps(std::numeric_limits<float>::quiet_NaN()), _mm256_setzero_ps());
    _mm256_store_ps(scale, _mm256_mask_div_ps(nothing, some, largest, _mm256_set1_ps(kMostWeight)));
    alignas(32) float codes_of_one[8];
    _mm256_store_ps(codes_of_one, _mm256_maskz_div_ps(some, _mm256_set1_ps(kMostWeight), largest));
    for (size_t r = 0; r < p.rows; ++r) {
      const __m512 factor = _mm512_set1_ps(codes_of_one[r]);
      const __mmask16 any = codes_of_one[r] > 0 ? 0xffff : 0;
      __m512i codes[4];
      for (size_t i = 0; i < 4; ++i) {
        const __m512 weighted = Weighted(p.Row(r) + i * kLanes, scales + i * kLanes);
        codes[i] = _mm512_maskz_cvtps_epi32(any, _mm512_mul_ps(weighted, factor));
      }
      const __m512i first = _mm512_packus_epi32(codes[0], codes[1]), second = _mm512_packus_epi32(codes[2], codes[3]);
      const __m512i bytes = _mm512_set1_epi16(255);
      _mm512_store_si512(lower[r],
                         _mm512_packus_epi16(_mm512_and_si512(first, bytes), _mm512_and_si512(second, bytes)));
      _mm512_store_si512(upper[r], _mm512_packus_epi16(_mm512_srli_epi16(first, 8), _mm512_srli_epi16(second, 8)));
    }
  }

  // The first of the four keys whose weights are word `word` of a row: packing keeps to quarters of vectors.
  static constexpr size_t FirstKey(size_t word) { return word % 4 * 16 + word / 4 * 4; }

 private:
  // p s, and 0 where p is, whatever the scale of a key that is not seen.
  static __m512 Weighted(const float* p, const float* scales) {
    const __m512 weight = _mm512_loadu_ps(p);
    const __mmask16 seen = _mm512_cmp_ps_mask(weight, _mm512_setzero_ps(), _CMP_NEQ_UQ);
    return _mm512_maskz_mul_ps(seen, weight, _mm512_loadu_ps(scales));
  }
  static __m512i Magnitude(__m512 x) { return _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7fffffff)); }
};

// ŵ · v̂ of kR rows and kN vectors of columns, `stride` columns beside each other: sums of the upper and the lower
// bytes, [kR, kN, 2] vectors.
template <size_t kR, size_t kN>
HWY_NOINLINE void MultiplyByteValues(const ByteWeights& w, const int8_t* codes, size_t stride, ReadAhead ahead,
                                     int32_t* sums) {
  __m512i upper[kR][kN], lower[kR][kN];
#pragma GCC unroll 6
  for (size_t r = 0; r < kR; ++r) {
#pragma GCC unroll 2
    for (size_t i = 0; i < kN; ++i) upper[r][i] = lower[r][i] = _mm512_setzero_si512();
  }
  for (size_t word = 0; word < kTile / 4; ++word) {
    const int8_t* four = codes + ByteWeights::FirstKey(word) * stride;
    ahead.Ask(four, kN * sizeof(__m512i));
    __m512i values[kN];
#pragma GCC unroll 2
    for (size_t i = 0; i < kN; ++i) values[i] = _mm512_loadu_si512(four + 64 * i);
    const uint8_t *high = w.upper[0] + 4 * word, *low = w.lower[0] + 4 * word;
#pragma GCC unroll 6
    for (size_t r = 0; r < kR; ++r) {
      const __m512i upper_word = WordOfBytes(high + r * kTile), lower_word = WordOfBytes(low + r * kTile);
#pragma GCC unroll 2
      for (size_t i = 0; i < kN; ++i) {
        upper[r][i] = _mm512_dpbusd_epi32(upper[r][i], upper_word, values[i]);
        lower[r][i] = _mm512_dpbusd_epi32(lower[r][i], lower_word, values[i]);
      }
    }
#pragma GCC unroll 6
    for (size_t r = 0; r < kR; ++r) {
#pragma GCC unroll 2
      for (size_t i = 0; i < kN; ++i) KeepInRegister(upper[r][i]), KeepInRegister(lower[r][i]);
    }
  }
#pragma GCC unroll 6
  for (size_t r = 0; r < kR; ++r) {
#pragma GCC unroll 2
    for (size_t i = 0; i < kN; ++i) {
      _mm512_storeu_si512(sums + 2 * (r * kN + i) * kLanes, upper[r][i]);
      _mm512_storeu_si512(sums + (2 * (r * kN + i) + 1) * kLanes, lower[r][i]);
    }
  }
}

// O += c (ŵ · v̂) of kR rows and kN vectors of columns from `c` on.
template <size_t kR, size_t kN>
void AddByteBlock(const ByteWeights& w, const ByteTile& v, size_t c, Tile<float> o, bool ask) {
  alignas(64) int32_t sums[2 * kR * kN * kLanes];
  MultiplyByteValues<kR, kN>(w, v.codes + 4 * c, v.cols, ask ? v.ahead : ReadAhead(), sums);
  for (size_t r = 0; r < kR; ++r) {
    const __m512 scale = _mm512_set1_ps(w.scale[r]);
    for (size_t i = 0; i < kN; ++i) {
      float* to = o.Row(r) + c + i * kLanes;
      const __m512 sum = JoinedBytes(sums + 2 * (r * kN + i) * kLanes, _mm512_setzero_si512());
      _mm512_storeu_ps(to, _mm512_fmadd_ps(sum, scale, _mm512_loadu_ps(to)));
    }
  }
}

template <size_t kN, size_t... kR>
void AddByteRows(std::index_sequence<kR...>, const ByteWeights& w, const ByteTile& v, size_t c, Tile<float> o,
                 bool ask) {
  (void)((o.rows == kR + 1 ? (AddByteBlock<kR + 1, kN>(w, v, c, o, ask), true) : false) || ...);
}

// O += P V.        P [rows, 64], V [64, cols], cols a multiple of 16. `ask`: for what is read later.
inline void AddBytes(Tile<const float> p, const ByteTile& v, Tile<float> o, bool ask) {
  constexpr auto kRows = std::make_index_sequence<6>();
  for (size_t r = 0; r < p.rows; r += 6) {
    const size_t n = std::min<size_t>(6, p.rows - r);
    for (size_t c = 0; c < v.cols; c += kByteBlock) {
      const ByteWeights weights(p.Rows(r, n), v.scales + c / kByteBlock * kTile);
      if (v.cols - c >= kByteBlock) {
        AddByteRows<2>(kRows, weights, v, c, o.Rows(r, n), ask && r == 0);
      } else {
        AddByteRows<1>(kRows, weights, v, c, o.Rows(r, n), ask && r == 0);
      }
    }
  }
}

}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_POP_ATTRIBUTES
#endif

#endif  // include guard of the instruction set
