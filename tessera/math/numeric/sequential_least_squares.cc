#include "tessera/math/numeric/sequential_least_squares.h"

#include "tessera/core/error.h"
#include "tessera/math/numeric/lapack.h"

namespace tessera::math::numeric {

std::vector<double> InverseFactor(std::vector<double> h, int64_t n, double damping) {
  const auto size = static_cast<size_t>(n);
  Require(n > 0 && n <= 40'000 && h.size() == size * size, "least squares: H has {} values and is not {} × {}",
          h.size(), n, n);
  double mean = 0;
  for (size_t i = 0; i < size; ++i) mean += h[i * size + i] / static_cast<double>(n);
  if (mean == 0) mean = 1;
  for (size_t i = 0; i < size; ++i) {
    double& diagonal = h[i * size + i];
    diagonal = (diagonal == 0 ? mean : diagonal) + damping * mean;
  }
  // Column-major 'L' is the upper triangle of our rows. Inverse, then the factor of the inverse: H^-1 = L L' = U'U.
  const Lapack& lapack = FindLapack();
  const int order = static_cast<int>(n);
  const auto require = [](int info) {
    Require(info == 0, "least squares: H is not positive semidefinite, or not finite");
  };
  int info = 0;
  lapack.dpotrf("L", &order, h.data(), &order, &info);
  require(info);
  lapack.dpotri("L", &order, h.data(), &order, &info);
  require(info);
  lapack.dpotrf("L", &order, h.data(), &order, &info);
  require(info);
  return h;
}

}  // namespace tessera::math::numeric
