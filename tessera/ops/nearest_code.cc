#include "tessera/ops/nearest_code.h"

#include "tessera/kernels/nearest_code.h"
#include "tessera/ops/checks.h"

namespace tessera::ops {

Tensor NearestCode(const Tensor& z, const Tensor& codes) {
  RequireFloat("nearest_code", z);
  RequireFloat("nearest_code", codes);
  Require(z.rank() == 2 && codes.rank() == 2 && z.dim(1) == codes.dim(1) && codes.dim(0) >= 1,
          "nearest_code: z {} and codes {} must be [P, D] and [N, D]", z.shape(), codes.shape());
  const std::vector<int64_t> nearest = kernels::NearestCodes(z, codes);
  for (size_t row = 0; row < nearest.size(); ++row)
    Require(nearest[row] >= 0, "nearest_code: row {} of z is at no finite distance from any code", row);
  return Tensor::From(nearest, {z.dim(0)});
}

}  // namespace tessera::ops
