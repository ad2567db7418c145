// Integer products of formats with minimums where AVX-512 has both VNNI and BF16: a dot product of pairs adds the
// minimums of two blocks. The other formats' loops are those of VNNI alone.
#if defined(__x86_64__)
#include <hwy/base.h>
#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "tessera/kernels/cpu/product_kernels.h"
#include "tessera/kernels/quant_blocks.h"

HWY_PUSH_ATTRIBUTES("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16")
namespace tessera::kernels {
namespace {

#include "tessera/kernels/cpu/lanes_avx512-inl.h"
#include "tessera/kernels/cpu/lanes_vnni-inl.h"
#include "tessera/kernels/cpu/product_float-inl.h"

struct VnniBf16Lanes : VnniLanes {
  static constexpr bool kPairedMinimums = true;
  // Two numbers of each lane as bf16.
  static W PairOf(F even, F odd) {
    const __m512i side_by_side = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7,
                                                  22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(side_by_side, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(odd, even)));
  }
  // y and the products of both with those of a word.
  static F AddPair(F y, W pair, int32_t word) {
    return _mm512_dpbf16_ps(y, reinterpret_cast<__m512bh>(pair), reinterpret_cast<__m512bh>(SetI(word)));
  }
};

#include "tessera/kernels/cpu/product_integer-inl.h"

IntegerKernels MakeTable() {
  IntegerKernels table = Avx512VnniIntegerKernels();
  table.quantize_row = QuantizeRow<VnniBf16Lanes>;
  table.quantize_group = QuantizeGroup<VnniBf16Lanes>;
  AddFormat<VnniBf16Lanes, DType::kQ4_1>(table);
  AddFormat<VnniBf16Lanes, DType::kQ5_1>(table);
  AddFormat<VnniBf16Lanes, DType::kQ2_K>(table);
  AddFormat<VnniBf16Lanes, DType::kQ4_K>(table);
  AddFormat<VnniBf16Lanes, DType::kQ5_K>(table);
  return table;
}

}  // namespace

const IntegerKernels& Avx512VnniBf16IntegerKernels() {
  static const IntegerKernels table = MakeTable();
  return table;
}

}  // namespace tessera::kernels
HWY_POP_ATTRIBUTES
#endif
