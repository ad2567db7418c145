// Float products with AVX-512.
#if defined(__x86_64__)
#include <hwy/base.h>
#include <immintrin.h>

#include <cstring>
#include <utility>

#include "tessera/kernels/cpu/product_kernels.h"

HWY_PUSH_ATTRIBUTES("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")
namespace tessera::kernels {
namespace {

#include "tessera/kernels/cpu/lanes_avx512-inl.h"
#include "tessera/kernels/cpu/product_float-inl.h"

}  // namespace

const FloatKernels& Avx512FloatKernels() {
  static const FloatKernels table = MakeFloatKernels<Avx512Lanes>(std::make_integer_sequence<int, 12>());
  return table;
}

}  // namespace tessera::kernels
HWY_POP_ATTRIBUTES
#endif
