// |z - e|² = |z|² - 2 z·e + |e|²: one product of matrices gives all distances but for rounding, and only the few codes
// that rounding cannot tell from the nearest are measured in double.

#include "tessera/kernels/nearest_code.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/matmul.h"
#include "tessera/kernels/packed_weight.h"

namespace tessera::kernels {
namespace {

constexpr int64_t kTileRows = 128;  // whose products with all codes are held at once: 4 MiB for 8,192 codes

double Square(const float* x, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * x[i];
  return sum;
}

double Distance(const float* x, const float* y, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double difference = static_cast<double>(x[i]) - static_cast<double>(y[i]);
    sum += difference * difference;
  }
  return sum;
}

// The codes [N, D] with what is needed of each.
struct Table {
  int64_t N, D;
  const float* codes;
  std::vector<double> squares;  // |e|²
  double greatest = 0;          // |e| of the longest code

  Table(const Tensor& table)
      : N(table.dim(0)), D(table.dim(1)), codes(table.data<float>().data()), squares(static_cast<size_t>(N)) {
    for (int64_t n = 0; n < N; ++n) {
      squares[static_cast<size_t>(n)] = Square(codes + n * D, D);
      greatest = std::max(greatest, std::sqrt(squares[static_cast<size_t>(n)]));
    }
  }

  // The nearest code of z, given its products with all codes. A sum of D products in f32 errs by at most D u |z| |e|,
  // u = 2^-24, so a code that is nearest lies within twice that of the least sum, doubled by the factor of z·e.
  int64_t Nearest(const float* z, const float* products) const {
    const double doubt = 4 * static_cast<double>(D + 1) * 0x1p-24 * std::sqrt(Square(z, D)) * greatest;
    double least = std::numeric_limits<double>::infinity();
    for (int64_t n = 0; n < N; ++n) least = std::min(least, Rough(products, n));
    const bool certain = std::isfinite(least) && std::isfinite(doubt);
    int64_t nearest = -1;
    double distance = std::numeric_limits<double>::infinity();
    for (int64_t n = 0; n < N; ++n) {
      if (certain && Rough(products, n) > least + doubt) continue;  // a sum that overflowed to NaN is measured
      const double exact = Distance(z, codes + n * D, D);
      if (exact < distance) {
        distance = exact;
        nearest = n;
      }
    }
    return nearest;
  }

 private:
  double Rough(const float* products, int64_t n) const {
    return squares[static_cast<size_t>(n)] - 2 * static_cast<double>(products[n]);
  }
};

}  // namespace

std::vector<int64_t> NearestCodes(const Tensor& z, const Tensor& codes) {
  if (z.dtype() == DType::kF64 || codes.dtype() == DType::kF64) return reference::NearestCodes(z, codes);
  const Tensor rows = z.To(DType::kF32), values = codes.To(DType::kF32);
  const Table table(values);
  const Tensor packed = PackWeight(values);
  std::vector<int64_t> nearest(static_cast<size_t>(z.dim(0)), -1);
  for (int64_t begin = 0; begin < z.dim(0) && table.N > 0; begin += kTileRows) {
    const int64_t end = std::min(z.dim(0), begin + kTileRows);
    const Tensor products = Product(rows.Slice(0, begin, end), packed);
    ParallelFor(end - begin, [&](int64_t row) {
      nearest[static_cast<size_t>(begin + row)] = table.Nearest(rows.data<float>().data() + (begin + row) * table.D,
                                                                products.data<float>().data() + row * table.N);
    });
  }
  return nearest;
}

}  // namespace tessera::kernels
