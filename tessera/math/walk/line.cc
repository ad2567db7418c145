#include "tessera/math/walk/line.h"

#include <cstdlib>

#include "tessera/math/errors.h"

namespace tessera::math::walk {
namespace {

void RequireSteps(int64_t n) {
  if (n < 0) FailInput("domain", "walk: {} steps; a walk has 0 or more", n);
}

// Refuses before the work what would not fit.
void RequireShort(int64_t n, const Rational& p) {
  RequireSteps(n);
  if (n > 0 && n > kMaxExactBits / (p.bits() + 1))
    FailInput("too-large", "walk: the exact fraction of {} steps would have more than {} bits; ask for digits instead",
              n, kMaxExactBits);
}

Rational Q(const Rational& p) { return Rational(1) - p; }

bool Reachable(int64_t n, int64_t x) { return std::abs(x) <= n && (n - x) % 2 == 0; }

Integer Paths(int64_t n, int64_t x) { return Reachable(n, x) ? Binomial(n, (n + x) / 2) : Integer(0); }

// C(2k, k)/4^k, the probability of being at 0 after 2k steps
Rational U(int64_t k) { return PointProbability(2 * k, 0); }

}  // namespace

Rational PointProbability(int64_t n, int64_t x, const Rational& p) {
  RequireShort(n, p);
  if (!Reachable(n, x)) return 0;
  const int64_t up = (n + x) / 2;
  return Rational(Paths(n, x)) * Power(p, up) * Power(Q(p), n - up);
}

Rational FirstPassage(int64_t n, int64_t a, const Rational& p) {
  if (a == 0) FailInput("domain", "first passage: to 0 it is at step 0; ask for the first return");
  if (n < std::abs(a)) return (RequireSteps(n), Rational(0));
  return Rational(std::abs(a), n) * PointProbability(n, a, p);
}

Rational EverReach(int64_t a, const Rational& p) {
  const Rational towards = a > 0 ? p : Q(p), away = a > 0 ? Q(p) : p;
  if (a == 0 || towards >= away) return 1;
  RequireShort(std::abs(a), p);
  return Power(towards / away, std::abs(a));
}

Rational FirstReturn(int64_t n, const Rational& p) {
  RequireShort(n, p);
  if (n == 0 || n % 2 != 0) return 0;
  return Rational(1, n - 1) * PointProbability(n, 0, p);
}

Rational EverReturn(const Rational& p) { return Rational(1) - Abs(p - Q(p)); }

// P(M >= r, S_n = x) for x < r: the paths to 2r - x, reflected, have probability (q/p)^(r-x) of theirs.
Rational Maximum(int64_t n, int64_t r, const Rational& p) {
  RequireShort(n, p);
  if (r < 0 || r > n) return 0;
  if (p == kFairP) return PointProbability(n, (n - r) % 2 == 0 ? r : r + 1);
  const auto at_least = [&](int64_t level) {
    Rational sum = 0;
    for (int64_t x = -n; x <= n; x += 2) {
      const Integer paths = x >= level ? Paths(n, x) : Paths(n, 2 * level - x);
      sum = sum + Rational(paths) * Power(p, (n + x) / 2) * Power(Q(p), (n - x) / 2);
    }
    return sum;
  };
  if (n > 2000) FailInput("too-large", "maximum: the exact law for p ≠ 1/2 goes to 2,000 steps, not {}", n);
  return r == n ? at_least(r) : at_least(r) - at_least(r + 1);
}

Integer TouchAndEnd(int64_t n, int64_t level, int64_t end) {
  RequireShort(n, kFairP);
  const bool passes = level == 0 || (level > 0 ? end >= level : end <= level);
  return passes ? Paths(n, end) : Paths(n, 2 * level - end);
}

Rational Arcsine(int64_t steps, int64_t at) {
  RequireShort(steps, kFairP);
  if (steps % 2 != 0) FailInput("domain", "arcsine law: {} steps; the law is for an even number", steps);
  if (at < 0 || at > steps || at % 2 != 0) return 0;
  return U(at / 2) * U((steps - at) / 2);
}

Rational Ballot(int64_t a, int64_t b) {
  if (a < 0 || b < 0 || a + b == 0) FailInput("domain", "ballot: {} and {} votes", a, b);
  return a > b ? Rational(a - b, a + b) : Rational(0);
}

// s = q/p:  P = (s^z - s^N)/(1 - s^N),  D = z/(q-p) - N/(q-p) · (1 - s^z)/(1 - s^N);  p = 1/2: 1 - z/N and z(N - z)
Ruin GamblersRuin(int64_t z, int64_t goal, const Rational& p) {
  if (z < 0 || goal < 1 || z > goal) FailInput("domain", "ruin: the stake {} must lie in 0 … {}, the goal", z, goal);
  if (p == kFairP) return {Rational(goal - z, goal), Rational(Integer(z) * Integer(goal - z))};
  RequireShort(goal, p);
  if (z == goal) return {0, 0};
  if (p.is_zero()) return {1, z};
  const Rational s = Q(p) / p, to_stake = Power(s, z), to_goal = Power(s, goal), drift = Q(p) - p;
  const Rational below = Rational(1) - to_goal;
  return {(to_stake - to_goal) / below,
          Rational(z) / drift - Rational(goal) / drift * (Rational(1) - to_stake) / below};
}

Rational Returns(int64_t steps, int64_t r) {
  RequireShort(steps, kFairP);
  const int64_t m = steps / 2;
  if (r < 0 || r > m) return 0;
  return Rational(Binomial(2 * m - r, m), Power(Integer(2), static_cast<uint64_t>(2 * m - r)));
}

Rational SignChanges(int64_t steps, int64_t r) {
  RequireShort(steps, kFairP);
  if (steps % 2 == 0) FailInput("domain", "sign changes: {} steps; the law is for an odd number", steps);
  return r < 0 ? Rational(0) : Rational(2) * PointProbability(steps, 2 * r + 1);
}

Rational ExpectedSites(int64_t n, const Rational& p) {
  RequireShort(n, p);
  if (p == kFairP) {  // P(no return within 2k) = u_2k, and Σ_(k<=m) u_2k = (2m + 1) u_2m
    const int64_t m = n / 2;
    const Rational to_2m = Rational(2 * m + 1) * U(m);
    return n % 2 == 0 ? to_2m + to_2m - U(m) : to_2m + to_2m;
  }
  if (n > 5000) FailInput("too-large", "sites: the exact mean for p ≠ 1/2 goes to 5,000 steps, not {}", n);
  Rational sum = 1, none = 1;
  for (int64_t k = 1; k <= n; ++k) {
    if (k % 2 == 0) none = none - FirstReturn(k, p);
    sum = sum + none;
  }
  return sum;
}

Rational Moment(int64_t n, int m, const Rational& p) {
  RequireSteps(n);
  if (m < 0 || m > 64) FailInput("domain", "moment: order {} is not within 0 … 64", m);
  // μ_k = κ_k + Σ_(j=1..k-1) C(k-1, j-1) κ_j μ_(k-j), once from the step's moments to cumulants, once back
  std::vector<Rational> step(static_cast<size_t>(m) + 1, 1), cumulant(step.size(), 0), moment(step.size(), 1);
  for (size_t k = 1; k < step.size(); ++k) step[k] = k % 2 == 0 ? Rational(1) : p - Q(p);
  const auto mixed = [&](const std::vector<Rational>& mu, const Rational& scale, size_t k) {
    Rational sum = 0;
    for (size_t j = 1; j < k; ++j)
      sum = sum + Rational(Binomial(static_cast<int64_t>(k) - 1, static_cast<int64_t>(j) - 1)) * scale * cumulant[j] *
                      mu[k - j];
    return sum;
  };
  for (size_t k = 1; k < step.size(); ++k) cumulant[k] = step[k] - mixed(step, 1, k);
  for (size_t k = 1; k < step.size(); ++k) moment[k] = Rational(n) * cumulant[k] + mixed(moment, n, k);
  return moment[static_cast<size_t>(m)];
}

Rational MeanAbsolute(int64_t n) {
  RequireShort(n, kFairP);
  const int64_t m = (n + 1) / 2;
  return Rational(2 * m) * U(m);
}

Rational MeanMaximum(int64_t n) { return MeanAbsolute(n) - (Rational(1) - PointProbability(n, 0)) * Rational(1, 2); }

Rational MeanReturns(int64_t n) {
  RequireShort(n, kFairP);
  const int64_t m = n / 2;
  return Rational(2 * m + 1) * U(m) - Rational(1);
}

}  // namespace tessera::math::walk
