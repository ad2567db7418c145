#include "tessera/kernels/cpu/int8_keys.h"

#if defined(__x86_64__)
#include <hwy/base.h>
// GCC 12 takes its own "undefined" vectors for mistakes.
HWY_DIAGNOSTICS(push)
HWY_DIAGNOSTICS_OFF(disable : 4700, ignored "-Wuninitialized")
#include <immintrin.h>
HWY_DIAGNOSTICS(pop)

#include <cstring>

#include "tessera/core/storage.h"

HWY_PUSH_ATTRIBUTES("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")
namespace tessera::kernels {
namespace {

#include "tessera/kernels/cpu/int8_rows-inl.h"

constexpr int64_t kAhead = 16;  // rows

// The mean of `count` rows, of each channel. Terms are divided first, so that no sum overflows.
template <typename T>
void Mean(const T* x, const HeadView& view, int64_t count, float* mean) {
  const __m512 part = _mm512_set1_ps(1.0f / static_cast<float>(count));
  for (int64_t d = 0; d < view.dim; d += 16) _mm512_storeu_ps(mean + d, _mm512_setzero_ps());
  for (int64_t r = 0; r < count; ++r) {
    const T* row = x + r * view.stride;
    if (r + kAhead < count) PrefetchRow(row + kAhead * view.stride, view.dim);
    for (int64_t d = 0; d < view.dim; d += 16) {
      const __m512 value = LoadLanes(row + d, FirstLanes(view.dim - d));
      _mm512_storeu_ps(mean + d, _mm512_fmadd_ps(value, part, _mm512_loadu_ps(mean + d)));
    }
  }
}

// Codes of sixteen keys [16, D'] as a quarter of a stripe: word w of key j becomes word j of step w.
void PackKeys(const int8_t* codes, int64_t words, int64_t pitch, uint8_t* to) {
  const __m512i places = _mm512_mullo_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                                            _mm512_set1_epi32(static_cast<int>(pitch)));
  for (int64_t w = 0; w < words; ++w) {
    const __m512i word = _mm512_i32gather_epi32(places, codes + 4 * w, 1);
    _mm512_storeu_si512(to + w * 4 * kStripeKeys, _mm512_xor_si512(word, _mm512_set1_epi8(-128)));
  }
}

template <typename T>
void RoundKeyRows(const HeadView& view, Int8Keys& to) {
  const T* x = static_cast<const T*>(view.data);
  const int64_t pitch = (view.dim + 15) / 16 * 16;
  const std::shared_ptr<std::byte> scratch = AllocateStorage(16 * pitch + 4 * pitch);
  int8_t* codes = reinterpret_cast<int8_t*>(scratch.get());
  float* mean = reinterpret_cast<float*>(scratch.get() + 16 * pitch);
  Mean(x, view, to.count, mean);
  for (int64_t first = 0; first < to.stripes * kStripeKeys; first += 16) {
    for (int64_t j = 0; j < 16; ++j) {
      const int64_t key = first + j;
      float scale = 0;
      if (key < to.count)
        scale = RoundRow(x + key * view.stride, mean, view.dim, codes + j * pitch);
      else
        std::memset(codes + j * pitch, 0, static_cast<size_t>(pitch));
      to.key_scales[key] = scale;
      to.blank += 0 * scale;
    }
    uint8_t* stripe = to.keys + first / kStripeKeys * to.key_stripe_bytes();
    PackKeys(codes, to.key_words, pitch, stripe + first % kStripeKeys * 4);
  }
}

// Sixteen channels of a tile's values: rows from `x` on, `stride` numbers apart, `count` of them.
template <typename T>
struct Channels {
  const T* x;
  int64_t stride, count;
  __mmask16 lanes;
  const float* mean;

  __m512 Row(int64_t key) const { return Centered(x + key * stride, mean, lanes); }
  __m512i Code(int64_t key, __m512 codes_of_one, unsigned place) const {
    const __m512i codes = key < count ? Codes(Row(key), codes_of_one) : _mm512_setzero_si512();
    return _mm512_slli_epi32(_mm512_and_si512(codes, _mm512_set1_epi32(255)), 8 * place);
  }
};

// `to` is the first stripe's first step, `pitch` bytes before the next step. Stores the scales of the channels.
template <typename T>
void RoundChannels(const Channels<T>& channels, float* scales, int8_t* to, int64_t pitch) {
  __m512i bits = _mm512_setzero_si512();
  for (int64_t key = 0; key < channels.count; ++key) bits = _mm512_max_epi32(bits, Magnitude(channels.Row(key)));
  const __m512 most = _mm512_castsi512_ps(bits), one = CodesOfOne(most);
  _mm512_storeu_ps(scales, ScaleOf(most));
  for (int64_t first = 0; first < channels.count; first += kStripeKeys) {
    for (int64_t w = 0; w < 16; ++w, to += pitch) {
      const int64_t key = first + 16 * (w % 4) + 4 * (w / 4);
      const __m512i low = _mm512_or_si512(channels.Code(key, one, 0), channels.Code(key + 1, one, 1));
      const __m512i high = _mm512_or_si512(channels.Code(key + 2, one, 2), channels.Code(key + 3, one, 3));
      _mm512_storeu_si512(to, _mm512_or_si512(low, high));
    }
  }
}

template <typename T>
void RoundValueRows(const HeadView& view, Int8Keys& to) {
  Mean(static_cast<const T*>(view.data), view, to.count, to.value_mean);
  for (int64_t t = 0; t < to.tiles(); ++t) {
    const int64_t begin = t * kInt8TileKeys, rest = to.count - begin;
    for (int64_t d = 0; d < view.dim; d += 16) {
      const Channels<T> channels{.x = static_cast<const T*>(view.data) + begin * view.stride + d,
                                 .stride = view.stride,
                                 .count = rest < kInt8TileKeys ? rest : kInt8TileKeys,
                                 .lanes = FirstLanes(view.dim - d),
                                 .mean = to.value_mean + d};
      RoundChannels(channels, to.value_scales + t * to.value_width + d,
                    to.values + t * kTileStripes * to.value_stripe_bytes() + 4 * d, 4 * to.value_width);
    }
  }
}

template <typename T>
void RoundAs(const HeadView& k, const HeadView& v, Int8Keys& to) {
  RoundKeyRows<T>(k, to);
  RoundValueRows<T>(v, to);
}

}  // namespace

Int8Keys RoundKeys(const HeadView& k, const HeadView& v, int64_t count) {
  Int8Keys to(count, k.dim, v.dim);
  const int64_t key_bytes = to.stripes * to.key_stripe_bytes(), value_bytes = to.stripes * to.value_stripe_bytes();
  const int64_t floats = to.stripes * kStripeKeys + (to.tiles() + 1) * to.value_width;
  to.storage = AllocateStorage(key_bytes + value_bytes + 4 * floats);
  std::byte* at = to.storage.get();
  to.keys = reinterpret_cast<uint8_t*>(at);
  to.values = reinterpret_cast<int8_t*>(at + key_bytes);
  to.key_scales = reinterpret_cast<float*>(at + key_bytes + value_bytes);
  to.value_scales = to.key_scales + to.stripes * kStripeKeys;
  to.value_mean = to.value_scales + to.tiles() * to.value_width;
  if (count == 0) return to;
  if (k.dtype == DType::kF32) RoundAs<float>(k, v, to);
  if (k.dtype == DType::kBF16) RoundAs<BFloat16>(k, v, to);
  if (k.dtype == DType::kF16) RoundAs<Float16>(k, v, to);
  return to;
}

}  // namespace tessera::kernels
HWY_POP_ATTRIBUTES
#endif
