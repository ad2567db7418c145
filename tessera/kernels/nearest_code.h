#pragma once
// The nearest of some vectors: what a vector quantiser looks up.

#include <vector>

#include "tessera/core/tensor.h"

namespace tessera::kernels {

// For each row of z [P, D] the row n of codes [N, D] with the least |z - e_n|², as if computed in double; the lowest n
// where two are equally near; -1 where no distance is a finite number. Contiguous, floating point.
std::vector<int64_t> NearestCodes(const Tensor& z, const Tensor& codes);

namespace reference {
std::vector<int64_t> NearestCodes(const Tensor& z, const Tensor& codes);
}  // namespace reference

}  // namespace tessera::kernels
