#pragma once
// Rows chosen by index, and their adjoint.

#include <span>

#include "tessera/core/tensor.h"

namespace tessera::kernels {

// y[m] = x[rows[m]]:  x [N, C] contiguous, any plain dtype; 0 <= rows[m] < N.
Tensor GatherRows(const Tensor& x, std::span<const int64_t> rows);

// y[n] = Σ over the m with rows[m] = n of x[m], in the order of m, in f32 (f64 for f64), rounded once; zero for a row
// that none names.  x [M, C] contiguous floating point -> [count, C].
Tensor ScatterAddRows(const Tensor& x, std::span<const int64_t> rows, int64_t count);

}  // namespace tessera::kernels
