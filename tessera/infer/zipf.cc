#include "tessera/infer/zipf.h"

#include <cmath>

#include "tessera/core/error.h"
#include "tessera/math/numeric/harmonic_sum.h"

namespace tessera::infer {

Zipf::Zipf(int64_t n, double exponent) : n_(n), exponent_(exponent) {
  Require(n > 0, "zipf: a law over {} ids; at least one is needed", n);
  sum_ = math::numeric::HarmonicSum(n, exponent);
}

double Zipf::Probability(int64_t id) const { return std::pow(static_cast<double>(id + 1), -exponent_) / sum_; }

int32_t Zipf::Draw(Random& random) const {
  return static_cast<int32_t>(math::numeric::LeastAbove(random.Uniform() * sum_, n_, exponent_) - 1);
}

std::vector<int32_t> Zipf::Draw(Random& random, int64_t count) const {
  std::vector<int32_t> ids(static_cast<size_t>(count));
  for (int32_t& id : ids) id = Draw(random);
  return ids;
}

}  // namespace tessera::infer
