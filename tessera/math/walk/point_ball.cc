// P(S_n = x) as a ball: ln P = ln Γ(n+1) - ln Γ(k+1) - ln Γ(n-k+1) + k ln p + (n-k) ln q, k = (n + x)/2.

#include <cstdlib>

#include "tessera/math/errors.h"
#include "tessera/math/walk/line.h"

namespace tessera::math::walk {
namespace {

constexpr int64_t kExactSteps = 2000;  // up to here the fraction is the quicker way

Ball LogFactorial(int64_t n, int64_t precision) {
  Ball result(n);
  arb_add_ui(result.raw(), result.raw(), 1, 64);
  arb_lgamma(result.raw(), result.raw(), precision);
  return result;
}

}  // namespace

Ball PointProbability(int64_t n, int64_t x, const Rational& p, int64_t precision) {
  if (n < 0 || n > 1'000'000'000'000'000'000) FailInput("domain", "walk: {} steps are not within 0 … 10^18", n);
  if (std::abs(x) > n || (n - x) % 2 != 0) return 0;
  const int64_t up = n / 2 + x / 2 + (n % 2 + x % 2) / 2, down = n - up;  // (n + x)/2 without overflow
  const Rational q = Rational(1) - p;
  if ((p.is_zero() && up > 0) || (q.is_zero() && down > 0)) return 0;
  if (n <= kExactSteps) return Ball(PointProbability(n, x, p), precision);
  const int64_t working = precision + 2 * 64;  // the logarithms have up to 64 bits before the point
  Ball sum = LogFactorial(n, working);
  const Ball below = LogFactorial(up, working), rest = LogFactorial(down, working);
  arb_sub(sum.raw(), sum.raw(), below.raw(), working);
  arb_sub(sum.raw(), sum.raw(), rest.raw(), working);
  for (const auto& [base, count] : {std::pair{p, up}, std::pair{q, down}}) {
    if (count == 0) continue;
    Ball log(base, working);
    arb_log(log.raw(), log.raw(), working);
    arb_addmul_si(sum.raw(), log.raw(), count, working);
  }
  arb_exp(sum.raw(), sum.raw(), working);
  return sum;
}

}  // namespace tessera::math::walk
