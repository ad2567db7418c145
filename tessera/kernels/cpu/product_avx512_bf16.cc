// bfloat16 products with AVX-512 BF16: one instruction adds the products of a pair of values in each of sixteen lanes.
#if defined(__x86_64__)
#include <hwy/base.h>
#include <immintrin.h>

#include <cstring>
#include <utility>

#include "tessera/kernels/cpu/product_kernels.h"

HWY_PUSH_ATTRIBUTES("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")
namespace tessera::kernels {
namespace {

#include "tessera/kernels/cpu/lanes_avx512-inl.h"
#include "tessera/kernels/cpu/product_float-inl.h"

constexpr int kFewRows = 8;  // that are multiplied sooner than their panel comes from memory

// y[r] += x[u][r][0] w[u][0] + x[u][r][1] w[u][1]      for each pair u of values of K
template <int R, int P>
void MultiplyBf16(const MicroArgs& a) {
  Sums<Avx512Lanes, R, P> y;
  y.Load(a);
  const std::byte* x = static_cast<const std::byte*>(a.x);
  const std::byte* w[P];
  for (int p = 0; p < P; ++p) w[p] = static_cast<const std::byte*>(a.panels[p].w);
  for (int64_t u = 0; u < a.units; ++u, x += 4 * R) {
    __m512i pairs[P];
#pragma GCC unroll 2
    for (int p = 0; p < P; ++p) {
      pairs[p] = _mm512_loadu_si512(w[p] + 64 * u);
      if constexpr (R <= kFewRows) {
        if (a.stream_ahead != 0) _mm_prefetch(w[p] + 64 * u + a.stream_ahead, _MM_HINT_T0);
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const __m512i pair = _mm512_set1_epi32(ReadAs<int32_t>(x + 4 * r));
#pragma GCC unroll 2
      for (int p = 0; p < P; ++p)
        y.of[p][r] =
            _mm512_dpbf16_ps(y.of[p][r], reinterpret_cast<__m512bh>(pairs[p]), reinterpret_cast<__m512bh>(pair));
    }
  }
  y.Store(a);
}

void NarrowToBf16(const float* values, int64_t count, uint16_t* out) {
  for (int64_t i = 0; i < count; i += 16) {
    const int rest = static_cast<int>(count - i < 16 ? count - i : 16);
    const __mmask16 lanes = static_cast<__mmask16>((1u << rest) - 1);
    const __m512 x = _mm512_maskz_loadu_ps(lanes, values + i);
    _mm256_mask_storeu_epi16(out + i, lanes, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x)));
  }
}

template <int... R>
Bf16Kernels MakeBf16Kernels(std::integer_sequence<int, R...>) {
  Bf16Kernels table;
  table.max_rows = sizeof...(R);
  ((table.multiply[R] = MultiplyBf16<R + 1, 1>), ...);
  ((table.multiply_pair[R] = MultiplyBf16<R + 1, 2>), ...);
  table.narrow = NarrowToBf16;
  return table;
}

}  // namespace

const Bf16Kernels& Avx512Bf16Kernels() {
  static const Bf16Kernels table = MakeBf16Kernels(std::make_integer_sequence<int, 12>());
  return table;
}

}  // namespace tessera::kernels
HWY_POP_ATTRIBUTES
#endif
