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
#include "tessera/kernels/cpu/lanes_vnni-inl.h"
#include "tessera/kernels/cpu/product_float-inl.h"
#include "tessera/kernels/cpu/product_integer-inl.h"

}  // namespace

const IntegerKernels& Avx512VnniIntegerKernels() {
  static const IntegerKernels table = MakeIntegerKernels<VnniLanes>();
  return table;
}

}  // namespace tessera::kernels
HWY_POP_ATTRIBUTES
#endif
