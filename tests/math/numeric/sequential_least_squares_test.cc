#include "tessera/math/numeric/sequential_least_squares.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tessera/core/error.h"
#include "tessera/core/random.h"

namespace tessera::math::numeric {
namespace {

// H = Σ x x' of `samples` vectors of n normal numbers.
std::vector<double> Gram(int64_t n, int64_t samples, uint64_t seed) {
  Random random(seed);
  const auto size = static_cast<size_t>(n);
  std::vector<double> h(size * size), x(size);
  for (int64_t s = 0; s < samples; ++s) {
    for (double& value : x) value = random.Normal();
    for (size_t i = 0; i < size; ++i)
      for (size_t j = 0; j < size; ++j) h[i * size + j] += x[i] * x[j];
  }
  return h;
}

TEST(SequentialLeastSquares, TheFactorIsThatOfTheInverse) {
  constexpr size_t n = 6;
  const std::vector<double> h = Gram(n, 20, 1), u = InverseFactor(h, n, 0);
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j) {  // H U'U = 1
      double sum = 0;
      for (size_t k = 0; k < n; ++k)
        for (size_t l = 0; l <= std::min(k, j); ++l) sum += h[i * n + k] * u[l * n + k] * u[l * n + j];
      EXPECT_NEAR(sum, i == j ? 1 : 0, 1e-10);
    }
}

// The move after one error is the exact minimiser of the quadratic over the coordinates that can still move.
TEST(SequentialLeastSquares, MovingTheRestIsTheMinimiser) {
  constexpr size_t n = 5;
  const std::vector<double> h = Gram(n, 30, 2), u = InverseFactor(h, n, 0);
  std::vector<float> w(n, 0);
  MoveTheRest(w, u, 0, 1.0);  // q_0 = w_0 - 1
  w[0] = -1;
  for (size_t i = 1; i < n; ++i) {  // the gradient vanishes in the free coordinates
    double slope = 0;
    for (size_t j = 0; j < n; ++j) slope += h[i * n + j] * static_cast<double>(w[j]);
    EXPECT_NEAR(slope, 0, 1e-4);
  }
}

TEST(SequentialLeastSquares, AFlatMinimumAndUnusedInputsHaveAFactor) {
  std::vector<double> h = Gram(8, 3, 3);  // fewer samples than coordinates
  for (size_t i = 0; i < 8; ++i) h[7 * 8 + i] = h[i * 8 + 7] = 0;
  for (const double value : InverseFactor(h, 8)) EXPECT_TRUE(std::isfinite(value));
  EXPECT_THROW(InverseFactor({1, 0, 0}, 2), Error);
  EXPECT_THROW(InverseFactor({1, 2, 2, 1}, 2, 0), Error) << "indefinite";
}

}  // namespace
}  // namespace tessera::math::numeric
