#pragma once
// The drunkard on the line. A particle starts at 0 and steps +1 with probability p, else -1, once a second; S_n is
// where it is after n steps. Exact laws of S_n and of what the path did on the way (Feller, volume 1, chapter III).
//
// p is a rational in 0 … 1 and q = 1 - p. N(n, x) = C(n, (n + x)/2) counts the paths from 0 to x, and is 0 unless x has
// n's parity and |x| <= n. A probability of something impossible is 0. Functions without p are for p = 1/2.
// Every function throws MathError "domain" for a negative n and "too-large" where the exact fraction would have more
// than kMaxExactBits bits; PointDigits has no such limit.

#include <vector>

#include "tessera/math/number/ball.h"
#include "tessera/math/number/rational.h"

namespace tessera::math::walk {

inline constexpr int64_t kMaxExactBits = int64_t{1} << 26;

const Rational kFairP = Rational(1, 2);

// P(S_n = x) = N(n, x) p^((n+x)/2) q^((n-x)/2)
Rational PointProbability(int64_t n, int64_t x, const Rational& p = kFairP);
// The same, enclosed at `precision` bits, for n to 10^18: through ln Γ where the fraction would be long.
Ball PointProbability(int64_t n, int64_t x, const Rational& p, int64_t precision);

// P(the first visit to `a` is at step n) = |a|/n · P(S_n = a), a ≠ 0           (the hitting time theorem)
Rational FirstPassage(int64_t n, int64_t a, const Rational& p = kFairP);
// P(some visit to `a`): 1 towards the drift, (p/q)^a or (q/p)^|a| against it
Rational EverReach(int64_t a, const Rational& p);
// P(the first return to 0 is at step n) = C(2m, m)/(2m - 1) · (pq)^m, n = 2m
Rational FirstReturn(int64_t n, const Rational& p = kFairP);
// P(some return to 0) = 1 - |p - q|
Rational EverReturn(const Rational& p);

// P(max(S_0 … S_n) = r): the reflection principle, weighted for p ≠ 1/2
Rational Maximum(int64_t n, int64_t r, const Rational& p = kFairP);
// Paths of n steps that touch `level` and end at `end`: N(n, 2·level - end) beyond reach of a direct path
Integer TouchAndEnd(int64_t n, int64_t level, int64_t end);
// P(the last visit to 0 within 2m steps is at 2k) = u_2k u_(2m-2k), u_2k = C(2k, k)/4^k; also the law of the time spent
// above 0. `steps` and `at` are even; 0 for an odd `at`.
Rational Arcsine(int64_t steps, int64_t at);
// P(candidate A leads throughout the count | A gets a votes, B gets b) = (a - b)/(a + b), 0 unless a > b
Rational Ballot(int64_t a, int64_t b);

struct Ruin {
  Rational probability;    // of reaching 0 before `goal`
  Rational mean_duration;  // steps until either
};
// A gambler with z coins plays until 0 or `goal`, and wins each round with probability p. 0 <= z <= goal.
Ruin GamblersRuin(int64_t z, int64_t goal, const Rational& p);

// P(exactly r returns to 0 within 2m steps) = C(2m - r, m)/2^(2m - r)
Rational Returns(int64_t steps, int64_t r);
// P(exactly r changes of sign within 2m + 1 steps) = 2 P(S_(2m+1) = 2r + 1)
Rational SignChanges(int64_t steps, int64_t r);
// E[number of different places visited in n steps, the start included] = 1 + Σ_(k=1..n) P(no return within k steps)
Rational ExpectedSites(int64_t n, const Rational& p = kFairP);

// E[S_n^m], through the cumulants of one step times n; 0 <= m <= 64
Rational Moment(int64_t n, int m, const Rational& p = kFairP);
// E|S_n| = 2m C(2m, m)/4^m for n = 2m and n = 2m - 1
Rational MeanAbsolute(int64_t n);
// E[max(S_0 … S_n)] = E|S_n| - (1 - P(S_n = 0))/2
Rational MeanMaximum(int64_t n);
// E[number of returns to 0 within n steps] = (2m + 1) u_2m - 1, m = ⌊n/2⌋
Rational MeanReturns(int64_t n);

}  // namespace tessera::math::walk
