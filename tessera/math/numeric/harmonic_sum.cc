#include "tessera/math/numeric/harmonic_sum.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "tessera/core/error.h"

namespace tessera::math::numeric {
namespace {

constexpr int64_t kDirect = 16;  // terms that are added one by one

// Σ_(k=1..n) k^-s, the small terms first
double DirectSum(int64_t n, double s) {
  double sum = 0;
  for (int64_t k = n; k >= 1; --k) sum += std::pow(static_cast<double>(k), -s);
  return sum;
}

// ∫ from a to b of x^-s = a^(1-s) (e^((1-s) ln(b/a)) - 1)/(1 - s); its limit ln(b/a) for s = 1
double Integral(double a, double b, double s) {
  const double log = std::log(b / a), power = 1 - s;
  return power == 0 ? log : std::pow(a, power) * std::expm1(power * log) / power;
}

// x^-s/2 - Σ_j B_2j/(2j)! s(s + 1)…(s + 2j - 2) x^(-s-2j+1): what Σ exceeds ∫ by, at its upper end
double EndCorrection(double x, double s) {
  constexpr std::array<double, 8> kBernoulli = {1.0 / 6,  -1.0 / 30,     1.0 / 42, -1.0 / 30,
                                                5.0 / 66, -691.0 / 2730, 7.0 / 6,  -3617.0 / 510};
  const double power = std::pow(x, -s), inverse_square = 1 / (x * x);
  double sum = power / 2, factor = s * power / (2 * x);  // s…(s + 2j - 2)/(2j)! x^(-s-2j+1)
  for (size_t j = 1; j <= kBernoulli.size(); ++j) {
    const auto twice = static_cast<double>(2 * j);
    sum -= kBernoulli[j - 1] * factor;
    factor *= (s + twice - 1) * (s + twice) / ((twice + 1) * (twice + 2)) * inverse_square;
  }
  return sum;
}

void RequireExponent(double s) {
  Require(s >= 0 && s <= kMaxZipfExponent, "harmonic sum: exponent {} is not within 0 … {}", s, kMaxZipfExponent);
}

}  // namespace

double HarmonicSum(int64_t n, double s) {
  Require(n >= 0, "harmonic sum: n = {} is negative", n);
  RequireExponent(s);
  if (n <= 2 * kDirect) return DirectSum(n, s);
  // Σ_(k=m+1..n) = ∫_m^n + correction(n) - correction(m)
  const double m = kDirect, x = static_cast<double>(n);
  return (EndCorrection(x, s) - EndCorrection(m, s)) + Integral(m, x, s) + DirectSum(kDirect, s);
}

int64_t LeastAbove(double x, int64_t n, double s) {
  Require(n >= 1, "harmonic sum: {} ranks; at least one is needed", n);
  RequireExponent(s);
  // H_k,s - H_m,s is near the integral from m + 1/2 to k + 1/2, so k is found from it within a step or two.
  const double middle = kDirect + 0.5, rest = x - HarmonicSum(kDirect, s), power = 1 - s;
  int64_t k = 1;
  if (rest > 0) {
    const double start = power == 0 ? 0 : std::pow(middle, power) / power;
    const double log = power == 0 ? rest : std::log1p(rest / start) / power;  // of (k + 1/2)/middle; NaN: no such k
    const double guess = std::isnan(log) ? static_cast<double>(n) : middle * std::exp(log) - 0.5;
    k = guess < static_cast<double>(n) ? std::max<int64_t>(1, static_cast<int64_t>(guess)) : n;
  }
  while (k > 1 && HarmonicSum(k - 1, s) > x) --k;
  while (k < n && HarmonicSum(k, s) <= x) ++k;
  return k;
}

}  // namespace tessera::math::numeric
