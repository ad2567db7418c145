#include "tessera/kernels/matmul.h"

namespace tessera::kernels {

Tensor Product(const Tensor& a, const Tensor& b, ProductPrecision) {
  const Tensor y = reference::Product(a, b);
  return a.dtype() == DType::kF64 || b.dtype() == DType::kF64 ? y : y.To(DType::kF32);
}

}  // namespace tessera::kernels
