#pragma once
// One product of cuBLASLt.

#include "tessera/core/tensor.h"

namespace tessera::kernels::cuda {

// Columns `first_col` … `first_col` + N - 1 of y [M, all] = x [M, K] w [N, K]ᵀ (+ bias), on the GPU and contiguous. x
// and w are both bf16 or both f32; the sums are f32, never in fewer bits. y is bf16 or f32 (f32 if x is). `bias` is
// undefined or [all] of y's dtype; it is added before the one rounding.
void LibraryProduct(const Tensor& x, const Tensor& w, const Tensor& bias, int64_t first_col, Tensor& y);

}  // namespace tessera::kernels::cuda
