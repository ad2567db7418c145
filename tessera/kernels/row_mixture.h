#pragma once
// Rows made of other rows: a sparse matrix times a dense one.

#include <cstdint>
#include <vector>

#include "tessera/core/tensor.h"

namespace tessera::kernels {

// Which rows of x make each row of y, and how much of each:
//
//   y[m] = Σ over begin[m] <= i < begin[m + 1] of weights[i] · x[rows[i]]
struct RowMixture {
  std::vector<int64_t> begin{0};  // [M + 1], ascending from 0 to the number of terms
  std::vector<int64_t> rows;
  std::vector<double> weights;

  int64_t outputs() const { return static_cast<int64_t>(begin.size()) - 1; }
};

// x [N, C] contiguous floating point -> [M, C]: summed in the order of the terms in f32 with weights rounded to f32
// (f64 for f64), rounded once. 0 <= rows[i] < N.
Tensor MixRows(const Tensor& x, const RowMixture& mixture);

// The mixture whose matrix is the transpose, for `count` rows: MixRows(dy, Transposed(mixture, N)) is the adjoint.
RowMixture Transposed(const RowMixture& mixture, int64_t count);

}  // namespace tessera::kernels
