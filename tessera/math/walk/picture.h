#pragma once
// Pictures of walks: each sets the exact law beside the limit that it approaches, with the place that was asked marked.
// Where n is too large for a bar a place, the law is sampled.

#include <span>

#include "tessera/math/plot/figure.h"
#include "tessera/math/walk/generating_function.h"
#include "tessera/math/walk/line.h"
#include "tessera/math/walk/simulate.h"

namespace tessera::math::walk {

inline constexpr int64_t kSamples = 240;  // points of a drawn curve, about

// P(S_n = y) for y near x and near the mean, beside the normal limit; on a logarithmic axis if x is far out.
plot::Figure PointFigure(int64_t n, int64_t x, const Rational& p);
// P(first visit to `a` at time t) beside the density of Brownian motion's first passage, on logarithmic axes: for p =
// 1/2 both end in a straight line, t^(-3/2). a ≠ 0.
plot::Figure FirstPassageFigure(int64_t n, int64_t a, const Rational& p);
// The same of the first return to 0, with its tail t^(-3/2) (4pq)^(t/2).
plot::Figure FirstReturnFigure(int64_t n, const Rational& p);
// P(max = r), and for p = 1/2 the half normal limit. P(max >= r) = P(S_n >= r) + (p/q)^r P(S_n < -r).
plot::Figure MaximumFigure(int64_t n, int64_t r, const Rational& p);
// P(exactly r returns within n steps), p = 1/2, beside the same half normal limit.
plot::Figure ReturnsFigure(int64_t n, int64_t r);
// P(the last visit to 0 is at time t), beside the arcsine density.
plot::Figure ArcsineFigure(int64_t n, int64_t at);
// E[places seen] against the number of steps, beside sqrt(8n/π), or |p - q| n with a drift.
plot::Figure SitesFigure(int64_t n, const Rational& p);
// E S^m over (E S²)^(m/2) for even m, beside what the limit has: (m - 1)!!, or 1 with a drift.
plot::Figure MomentsFigure(int64_t n, const Rational& p);
// Coefficients of a generating function, of z^0, z^1 …, beside their asymptotic form, on a logarithmic axis.
plot::Figure CoefficientsFigure(Sequence sequence, const Rational& p, int64_t a,
                                const std::vector<Rational>& coefficients);

// P(A leads throughout) for every division of a + b votes.
plot::Figure BallotFigure(int64_t a, int64_t b);
// P(ruin) for every stake, beside the fair game's straight line.
plot::Figure RuinFigure(int64_t stake, int64_t goal, const Rational& p);
// A path that touches the level and ends at `end`, and its mirror image from the first touch on: the proof that counts
// them. n <= kMaxDrawnSteps. Without such a path only the level is drawn.
inline constexpr int64_t kMaxDrawnSteps = 1'000'000;
plot::Figure ReflectionFigure(int64_t n, int64_t level, int64_t end);

// Return probabilities in 1, 2, 3 … dimensions, d's marked.
plot::Figure PolyaFigure(int d);
// P(back within t steps) and P(first back at step t) against t, to n and beyond, with the limit. d is 1, 2 or 3.
plot::Figure LatticeFigure(int d, int64_t n);
// P(at `place` after t steps) against t, beside the normal limit.
plot::Figure LatticePlaceFigure(int64_t n, std::span<const int64_t> place);
// A few paths, drawn with the same seed, and in one dimension the ends of all walkers beside the exact law; in more
// the first two coordinates of the paths and the circle of radius sqrt(n). Steps up to kMaxDrawnSteps.
plot::Figure SimulatedFigure(const Simulated& simulated, const SimulateOptions& options);

}  // namespace tessera::math::walk
