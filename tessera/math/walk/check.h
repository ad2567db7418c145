#pragma once
// Compares what was simulated with the exact law.

#include <string>
#include <vector>

#include "tessera/math/walk/simulate.h"

namespace tessera::math::walk {

struct Check {
  std::string what;      // "final position"
  double statistic = 0;  // chi-square, or z
  int64_t freedom = 0;   // degrees of freedom; 0 for a z
  double p_value = 0;    // P(a statistic at least as extreme, if the program is right)
};

// Chi-square of the final position, and for p = 1/2 of the maximum and of the returns (bins joined until each expects
// 10 walkers), z of the mean square distance, of the mean of the returns; in 2 and 3 dimensions z of the share that
// came back. A right program fails one of k checks at level α with chance about kα.
std::vector<Check> CheckAgainstLaw(const Simulated& simulated, int dimensions);

// Q(k/2, χ²/2): the chance that chi-square with k degrees of freedom exceeds `statistic`
double ChiSquareTail(double statistic, int64_t freedom);

}  // namespace tessera::math::walk
