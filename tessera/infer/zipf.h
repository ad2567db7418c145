#pragma once
// Token ids as frequent as words are. Vocabularies list frequent pieces first, so an id stands for its rank.

#include <cstdint>
#include <vector>

#include "tessera/core/random.h"

namespace tessera::infer {

// P(id) = 1 / ((id + 1) H_n) for 0 ≤ id < n, where H_n = 1 + 1/2 + … + 1/n (Zipf 1935, exponent 1). H_n is summed from
// its small end, so that it is right to the last places of a double.
class Zipf {
 public:
  explicit Zipf(int64_t n);  // throws Error unless n > 0

  double Probability(int64_t id) const;
  int32_t Draw(Random& random) const;  // exact for that law: the inverse of the distribution function, by bisection
  std::vector<int32_t> Draw(Random& random, int64_t count) const;

 private:
  std::vector<double> tail_;  // tail_[i] = 1/(i+1) + … + 1/n; tail_[0] = H_n
};

}  // namespace tessera::infer
