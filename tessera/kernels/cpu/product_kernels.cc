#include "tessera/kernels/cpu/product_kernels.h"

#include "tessera/core/isa.h"

namespace tessera::kernels {

#if defined(__x86_64__)

const FloatKernels& LiveFloatKernels() {
  if (LiveIsa() == Isa::kPortable) return PortableFloatKernels();
  return LiveIsa() == Isa::kAvx2 ? Avx2FloatKernels() : Avx512FloatKernels();
}

const IntegerKernels& LiveIntegerKernels() {
  switch (LiveIsa()) {
    case Isa::kAvx2:
    case Isa::kAvx512:  // without VNNI a wider multiply of bytes gains little over AVX2's
      return Avx2IntegerKernels();
    case Isa::kAvx512Vnni:
      return Avx512VnniIntegerKernels();
    case Isa::kAvx512Bf16:
      return Avx512VnniBf16IntegerKernels();
    default:
      return PortableIntegerKernels();
  }
}

const Bf16Kernels* LiveBf16Kernels() { return LiveIsa() == Isa::kAvx512Bf16 ? &Avx512Bf16Kernels() : nullptr; }

#else

const FloatKernels& LiveFloatKernels() { return PortableFloatKernels(); }
const IntegerKernels& LiveIntegerKernels() { return PortableIntegerKernels(); }
const Bf16Kernels* LiveBf16Kernels() { return nullptr; }

#endif

}  // namespace tessera::kernels
