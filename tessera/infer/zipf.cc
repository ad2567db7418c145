#include "tessera/infer/zipf.h"

#include <algorithm>

#include "tessera/core/error.h"

namespace tessera::infer {

Zipf::Zipf(int64_t n) {
  Require(n > 0, "zipf: a law over {} ids; at least one is needed", n);
  tail_.resize(static_cast<size_t>(n));
  double sum = 0;
  for (size_t i = tail_.size(); i-- > 0;) tail_[i] = sum += 1 / static_cast<double>(i + 1);
}

double Zipf::Probability(int64_t id) const { return 1 / (static_cast<double>(id + 1) * tail_[0]); }

int32_t Zipf::Draw(Random& random) const {
  // u in (0, H_n]; the last i with tail_[i] ≥ u has probability (tail_[i] - tail_[i + 1]) / H_n.
  const double u = (1 - random.Uniform()) * tail_[0];
  const auto next = std::ranges::partition_point(tail_, [&](double tail) { return tail >= u; });
  return static_cast<int32_t>(next - tail_.begin() - 1);
}

std::vector<int32_t> Zipf::Draw(Random& random, int64_t count) const {
  std::vector<int32_t> ids(static_cast<size_t>(count));
  for (int32_t& id : ids) id = Draw(random);
  return ids;
}

}  // namespace tessera::infer
