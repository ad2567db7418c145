#pragma once
// Token ids as frequent as words are. Vocabularies list frequent pieces first, so an id stands for its rank.

#include <cstdint>
#include <vector>

#include "tessera/core/random.h"

namespace tessera::infer {

// P(id) = 1 / ((id + 1)^s H_n,s) for 0 ≤ id < n, where H_n,s = 1 + 2^-s + … + n^-s (Zipf 1935, who found s near 1).
// There is no table: harmonic sums are known in closed form, so a law over any vocabulary is ready at once.
class Zipf {
 public:
  explicit Zipf(int64_t n, double exponent = 1);  // throws Error unless n > 0 and 0 ≤ exponent ≤ 20

  double Probability(int64_t id) const;
  int32_t Draw(
      Random& random) const;  // the inverse of the distribution function: the least id + 1 with H_(id+1) > u H_n
  std::vector<int32_t> Draw(Random& random, int64_t count) const;

 private:
  int64_t n_;
  double exponent_, sum_;  // H_n,s
};

}  // namespace tessera::infer
