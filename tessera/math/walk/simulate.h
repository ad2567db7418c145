#pragma once
// Many random walks at once. Sixteen walkers share one vector; a walker takes its steps from its own bits of a
// xoshiro256++ stream (Blackman and Vigna 2021) that Philox seeds. The result is the same for any number of threads and
// any instruction set.

#include <cstdint>
#include <vector>

#include "tessera/math/number/rational.h"

namespace tessera::math::walk {

struct SimulateOptions {
  int dimensions = 1;  // 1 … 8
  int64_t walkers = 1'000'000, steps = 1000;
  uint64_t seed = 1;
  Rational p = Rational(1, 2);  // of a step +1; for one dimension only. Rounded to a multiple of 2^-32.
};

// How many walkers had each value; counts[i] is of the value i.
struct Simulated {
  int64_t walkers = 0, steps = 0;
  Rational p;                    // as simulated
  std::vector<int64_t> ups;      // one dimension: steps +1 taken, 0 … steps, so the end is 2i - steps
  std::vector<int64_t> maximum;  // one dimension: max(S_0 … S_n)
  std::vector<int64_t> returns;  // visits to the origin after the start, 0 … steps/2
  double mean_square = 0;        // of the distance from the origin at the end
};

// Throws MathError "domain" for options out of range; walkers <= 10^9, steps <= 10^8.
// In two and more dimensions a direction's chance differs from 1/(2d) by at most 2^-16; opposite ones are equal.
Simulated Simulate(const SimulateOptions& options);

}  // namespace tessera::math::walk
