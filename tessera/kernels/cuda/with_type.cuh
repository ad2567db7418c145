#pragma once
// From a dtype to the type that a kernel is made for.

#include "tessera/core/error.h"
#include "tessera/core/tensor.h"

namespace tessera::kernels::cuda {

// Calls body(T{}) with float, BFloat16 or Float16. Throws Error for another dtype.
template <typename Body>
void WithGpuFloat(DType dtype, Body body) {
  switch (dtype) {
    case DType::kF32:
      return body(float{});
    case DType::kBF16:
      return body(BFloat16{});
    case DType::kF16:
      return body(Float16{});
    default:
      Fail("GPU: {} values; f32, bf16 and f16 are supported here", Name(dtype));
  }
}

}  // namespace tessera::kernels::cuda
