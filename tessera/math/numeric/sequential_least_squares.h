#pragma once
// Rounding the minimiser of a quadratic one coordinate at a time.
//
//   min over q in a grid of (w - q)'H(w - q),   H = Σ x x' over what the weights were multiplied with
//
// When coordinate j is rounded, the others can still move: the best move of those after it, given the error e of w_j,
// is -e U_jk/U_jj for k > j, where H^-1 = U'U with U upper triangular (Frantar and others 2022, GPTQ). Where too few
// samples leave H singular the minimum is flat; a small multiple of the identity then picks the shortest move.

#include <cstdint>
#include <span>
#include <vector>

namespace tessera::math::numeric {

// U for H + damping · (mean of H's diagonal) · I. `h` [n, n], row by row, symmetric and positive semidefinite; a
// coordinate whose diagonal is 0 was never used, and gets 1. Throws Error if LAPACK is missing or H is not
// semidefinite.
std::vector<double> InverseFactor(std::vector<double> h, int64_t n, double damping = 0.01);

// w_k -= (error/U_jj) U_jk for k > j
inline void MoveTheRest(std::span<float> w, std::span<const double> factor, size_t j, double error) {
  const size_t n = w.size();
  const double* row = &factor[j * n];
  const auto scaled = static_cast<float>(error / row[j]);
  for (size_t k = j + 1; k < n; ++k) w[k] -= scaled * static_cast<float>(row[k]);
}

}  // namespace tessera::math::numeric
