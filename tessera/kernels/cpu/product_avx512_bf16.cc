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

// y[r] += x[u][r][0] w[u][0] + x[u][r][1] w[u][1]      for each pair u of values of K
template <int R>
void MultiplyBf16(const MicroArgs& a) {
  Rows<Avx512Lanes, R> y;
  y.Load(a);
  const std::byte* x = static_cast<const std::byte*>(a.x);
  const std::byte* w = static_cast<const std::byte*>(a.w);
  for (int64_t u = 0; u < a.units; ++u, x += 4 * R, w += 64) {
    const __m512i pairs = _mm512_loadu_si512(w);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const int32_t pair = ReadAs<int32_t>(x + 4 * r);
      y.sum[r] = _mm512_dpbf16_ps(y.sum[r], reinterpret_cast<__m512bh>(pairs),
                                  reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair)));
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
  ((table.multiply[R] = MultiplyBf16<R + 1>), ...);
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
