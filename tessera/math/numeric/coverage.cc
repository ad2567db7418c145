#include "tessera/math/numeric/coverage.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "tessera/core/error.h"
#include "tessera/math/numeric/harmonic_sum.h"

namespace tessera::math::numeric {

double ExpectedDistinct(int64_t things, int64_t taken, double draws) {
  Require(things >= 1 && taken >= 0 && taken <= things && draws >= 0,
          "coverage: {} of {} things in {} draws; at most all can be taken", taken, things, draws);
  if (draws == 0 || taken == 0) return 0;
  const auto all = static_cast<double>(things);
  return -all * std::expm1(draws * std::log1p(-static_cast<double>(taken) / all));
}

double ExpectedDrawsForAll(int64_t things, int64_t taken) {
  Require(taken >= 1 && taken <= things && things <= kMaxThings,
          "coverage: {} of {} things; 1 … E of E <= {} are possible", taken, things, kMaxThings);
  if (taken == 1) return static_cast<double>(things) * HarmonicSum(things);
  std::vector<double> log_factorial(static_cast<size_t>(things) + 1);
  for (size_t i = 1; i < log_factorial.size(); ++i)
    log_factorial[i] = log_factorial[i - 1] + std::log(static_cast<double>(i));
  const auto log_choose = [&](int64_t n, int64_t k) {
    return log_factorial[static_cast<size_t>(n)] - log_factorial[static_cast<size_t>(k)] -
           log_factorial[static_cast<size_t>(n - k)];
  };
  // w_m, the mean number of draws while m things are missing, from m = 0 up. A draw finds j of them with the
  // hypergeometric chance h_j = C(m, j) C(E - m, K - j)/C(E, K), so w_m (1 - h_0) = 1 + Σ_(j>=1) h_j w_(m-j).
  std::vector<double> wait(static_cast<size_t>(things) + 1);
  for (int64_t missing = 1; missing <= things; ++missing) {
    double found = 0, sum = 1;
    for (int64_t j = std::max<int64_t>(1, taken - (things - missing)); j <= std::min(taken, missing); ++j) {
      const double chance =
          std::exp(log_choose(missing, j) + log_choose(things - missing, taken - j) - log_choose(things, taken));
      found += chance;
      sum += chance * wait[static_cast<size_t>(missing - j)];
    }
    wait[static_cast<size_t>(missing)] = sum / found;
  }
  return wait.back();
}

}  // namespace tessera::math::numeric
