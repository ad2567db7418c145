#include "tessera/kernels/nearest_code.h"

#include <limits>

namespace tessera::kernels::reference {

std::vector<int64_t> NearestCodes(const Tensor& z, const Tensor& codes) {
  const int64_t P = z.dim(0), N = codes.dim(0), D = z.dim(1);
  const Tensor rows = z.To(DType::kF64), table = codes.To(DType::kF64);
  std::vector<int64_t> nearest(static_cast<size_t>(P), -1);
  for (int64_t p = 0; p < P; ++p) {
    double least = std::numeric_limits<double>::infinity();
    for (int64_t n = 0; n < N; ++n) {
      double distance = 0;
      for (int64_t i = 0; i < D; ++i) {
        const double difference =
            rows.data<double>()[static_cast<size_t>(p * D + i)] - table.data<double>()[static_cast<size_t>(n * D + i)];
        distance += difference * difference;
      }
      if (distance < least) {
        least = distance;
        nearest[static_cast<size_t>(p)] = n;
      }
    }
  }
  return nearest;
}

}  // namespace tessera::kernels::reference
