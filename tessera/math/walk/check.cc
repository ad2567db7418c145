#include "tessera/math/walk/check.h"

#if __has_include(<flint/arb_hypgeom.h>)
#include <flint/arb_hypgeom.h>
#else
#include <arb_hypgeom.h>
#endif

#include <cmath>
#include <numbers>

#include "tessera/math/walk/lattice.h"
#include "tessera/math/walk/law.h"

namespace tessera::math::walk {
namespace {

constexpr double kLeastExpected = 10;  // walkers a bin, below which chi-square is no good approximation

double TwoSided(double z) { return std::erfc(std::abs(z) / std::numbers::sqrt2); }

// Neighbouring values join one bin until it expects enough; what is left joins the last bin.
Check ChiSquare(std::string what, const std::vector<int64_t>& counts, const std::vector<double>& law, int64_t walkers) {
  std::vector<std::pair<double, double>> bins;  // expected, observed
  double expected = 0, observed = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    expected += law[i] * static_cast<double>(walkers);
    observed += static_cast<double>(counts[i]);
    if (expected < kLeastExpected) continue;
    bins.emplace_back(expected, observed);
    expected = observed = 0;
  }
  if (!bins.empty()) {
    bins.back().first += expected;
    bins.back().second += observed;
  }
  double sum = 0;
  for (const auto& [e, o] : bins) sum += (o - e) * (o - e) / e;
  const int64_t freedom = std::max<int64_t>(static_cast<int64_t>(bins.size()) - 1, 0);
  return {std::move(what), sum, freedom, freedom == 0 ? 1.0 : ChiSquareTail(sum, freedom)};
}

Check Z(std::string what, double observed, double expected, double deviation) {
  const double z = deviation > 0 ? (observed - expected) / deviation : 0;
  return {std::move(what), z, 0, deviation > 0 ? TwoSided(z) : (observed == expected ? 1.0 : 0.0)};
}

// P(M = r) is P(S = r) or P(S = r + 1), whichever has n's parity.
std::vector<double> MaximumLaw(const std::vector<double>& law, int64_t n) {
  std::vector<double> result(law.size());
  for (int64_t r = 0; r <= n; ++r) result[static_cast<size_t>(r)] = law[static_cast<size_t>((n + r + 1) / 2)];
  return result;
}

// P(r returns in 2m steps) = C(2m-r, m)/2^(2m-r): the ratio of neighbours is 2(m-r)/(2m-r).
std::vector<double> ReturnsLaw(int64_t steps) {
  const int64_t m = steps / 2;
  std::vector<double> result(static_cast<size_t>((steps + 1) / 2 + 1));
  double value = 1;
  for (int64_t k = 1; k <= m; ++k) value *= (2 * static_cast<double>(k) - 1) / (2 * static_cast<double>(k));
  for (int64_t r = 0; r <= m; ++r) {
    result[static_cast<size_t>(r)] = value;
    value *= 2 * static_cast<double>(m - r) / static_cast<double>(2 * m - r);
  }
  return result;
}

Check ReturnShare(const Simulated& s, int dimensions) {
  const std::vector<double> first = LatticeFirstReturns(dimensions, s.steps);
  double within = 0;
  for (const double f : first) within += f;
  const auto walkers = static_cast<double>(s.walkers);
  const double observed = 1 - static_cast<double>(s.returns[0]) / walkers;
  return Z("share that came back", observed, within, std::sqrt(within * (1 - within) / walkers));
}

}  // namespace

double ChiSquareTail(double statistic, int64_t freedom) {
  Ball shape(Rational(freedom, 2), 128), x(FromDouble(statistic / 2), 128), result;
  arb_hypgeom_gamma_upper(result.raw(), shape.raw(), x.raw(), 1, 128);
  return result.ToDouble();
}

std::vector<Check> CheckAgainstLaw(const Simulated& s, int dimensions) {
  std::vector<Check> checks;
  const auto n = static_cast<double>(s.steps), walkers = static_cast<double>(s.walkers);
  const bool fair = s.p == Rational(1, 2);
  if (dimensions == 1) {
    const std::vector<double> law = Law(s.steps, s.p);
    checks.push_back(ChiSquare("final position", s.ups, law, s.walkers));
    if (fair) {
      checks.push_back(ChiSquare("maximum", s.maximum, MaximumLaw(law, s.steps), s.walkers));
      checks.push_back(ChiSquare("returns", s.returns, ReturnsLaw(s.steps), s.walkers));
    }
  }
  if (dimensions > 1 || fair) {  // E S² = n, Var S² = 2n(n-1) on the line; in d dimensions 2n(n-1)/d
    const double variance = 2 * n * (n - 1) / dimensions;
    checks.push_back(Z("mean square distance", s.mean_square, n, std::sqrt(std::max(variance, 0.0) / walkers)));
  }
  if (dimensions <= 3 && fair && s.steps <= kMaxLatticeDoubles / 4) checks.push_back(ReturnShare(s, dimensions));
  return checks;
}

}  // namespace tessera::math::walk
