#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tessera/core/random.h"
#include "tessera/math/errors.h"
#include "tessera/math/walk/law.h"
#include "tessera/math/walk/picture.h"

namespace tessera::math::walk {
namespace {

using plot::Curve;
using plot::Figure;
using plot::Point;

constexpr int64_t kDrawnPoints = 2000;

void RequireDrawable(int64_t n) {
  if (n > kMaxDrawnSteps) FailInput("no-picture", "--svg: paths of more than {} steps are not drawn", kMaxDrawnSteps);
}

// Every so many steps of a path, so that it has about kDrawnPoints.
Curve PathCurve(const std::vector<int64_t>& path) {
  Curve curve;
  const size_t stride = std::max<size_t>(1, path.size() / kDrawnPoints);
  for (size_t t = 0; t < path.size(); t += stride)
    curve.points.push_back({static_cast<double>(t), static_cast<double>(path[t])});
  return curve;
}

void AddEnds(Figure& figure, const Simulated& s) {
  const std::vector<double> law = Law(s.steps, s.p);
  const auto n = static_cast<double>(s.steps);
  // As many columns as are seen within five standard deviations.
  const double sigma = std::sqrt(4 * s.p.ToDouble() * (1 - s.p.ToDouble()) * n);
  const auto join = std::max<int64_t>(1, static_cast<int64_t>(5 * sigma / 30));
  double most = 0;
  std::vector<Point> simulated, exact;  // share against place
  for (int64_t k = 0; k <= s.steps; k += join) {
    double share = 0, chance = 0;
    const int64_t end = std::min(k + join, s.steps + 1);
    for (int64_t i = k; i < end; ++i) {
      share += static_cast<double>(s.ups[static_cast<size_t>(i)]) / static_cast<double>(s.walkers);
      chance += law[static_cast<size_t>(i)];
    }
    if (chance < 1e-6 && share < 1e-6) continue;
    const auto place = static_cast<double>(k + end - 1 - s.steps);
    simulated.push_back({share, place});
    exact.push_back({chance, place});
    most = std::max({most, share, chance});
  }
  const double unit = 0.3 * n / most;  // the ends lie to the right of the paths
  plot::Shape columns{.name = "where all walkers ended", .color = 0, .opacity = 0.5};
  const auto half = static_cast<double>(join);
  columns.corners.push_back({1.02 * n, simulated.front().y - half});
  for (const Point& p : simulated) {
    columns.corners.push_back({1.02 * n + unit * p.x, p.y - half});
    columns.corners.push_back({1.02 * n + unit * p.x, p.y + half});
  }
  columns.corners.push_back({1.02 * n, simulated.back().y + half});
  figure.shapes = {columns};
  Curve curve{.name = "exact law", .color = 1};
  for (const Point& p : exact) curve.points.push_back({1.02 * n + unit * p.x, p.y});
  figure.curves.push_back(curve);
}

// The paths are examples: the simulation keeps counts only.
constexpr int kPaths = 5;

Figure LineFigure(const Simulated& s, const SimulateOptions& options) {
  Figure figure{.title = fmt::format("{} walks of {} steps, and {} of such paths", s.walkers, s.steps, kPaths),
                .x_label = "time; to the right the ends",
                .y_label = "place",
                .legend = plot::Corner::kTopLeft};
  const double chance = s.p.ToDouble();
  for (int path = 0; path < kPaths; ++path) {
    Random random(options.seed, static_cast<uint64_t>(path));
    std::vector<int64_t> places = {0};
    for (int64_t t = 0; t < s.steps; ++t) places.push_back(places.back() + (random.Uniform() < chance ? 1 : -1));
    Curve curve = PathCurve(places);
    curve.color = path == 0 ? 5 : path + 1;
    curve.width = 1.2;
    figure.curves.push_back(curve);
  }
  if (s.steps > 0) AddEnds(figure, s);
  return figure;
}

Figure PlaneFigure(const Simulated& s, const SimulateOptions& options) {
  const int d = options.dimensions;
  Figure figure{.title = fmt::format("{} paths of {} steps in {} dimensions", kPaths, s.steps, d),
                .x_label = "first coordinate",
                .y_label = "second coordinate",
                .equal_scales = true};
  // In the plane of the first two coordinates the mean square distance is 2n/d.
  Curve circle{.name = d == 2 ? "radius sqrt(n)" : fmt::format("radius sqrt(2n/{})", d), .color = 1, .dashed = true};
  const double radius = std::sqrt(2.0 / d * static_cast<double>(s.steps));
  for (int i = 0; i <= 120; ++i) {
    const double angle = i * std::numbers::pi / 60;
    circle.points.push_back({radius * std::cos(angle), radius * std::sin(angle)});
  }
  for (int path = 0; path < kPaths; ++path) {
    Random random(options.seed, static_cast<uint64_t>(path));
    Curve curve{.color = path == 0 ? 5 : path + 1, .width = 1.1};
    int64_t place[2] = {0, 0};
    const int64_t stride = std::max<int64_t>(1, s.steps / kDrawnPoints / 2);
    for (int64_t t = 0; t <= s.steps; ++t) {
      if (t % stride == 0 || t == s.steps)
        curve.points.push_back({static_cast<double>(place[0]), static_cast<double>(place[1])});
      const uint64_t way = random.Below(2 * static_cast<uint64_t>(d));
      if (way < 4) place[way / 2] += way % 2 == 0 ? 1 : -1;
    }
    figure.curves.push_back(curve);
    figure.curves.push_back({.points = {curve.points.back()}, .color = curve.color, .markers = true});
  }
  figure.curves.push_back(circle);
  return figure;
}

}  // namespace

Figure SimulatedFigure(const Simulated& simulated, const SimulateOptions& options) {
  RequireDrawable(simulated.steps);
  return options.dimensions == 1 ? LineFigure(simulated, options) : PlaneFigure(simulated, options);
}

Figure ReflectionFigure(int64_t n, int64_t level, int64_t end) {
  RequireDrawable(n);
  Figure figure{.title = fmt::format("A path that touches {} and ends at {}", level, end),
                .x_label = "time",
                .y_label = "place",
                .legend = plot::Corner::kTopLeft};
  figure.curves.push_back(
      {.name = "the level",
       .points = {{0, static_cast<double>(level)}, {static_cast<double>(n), static_cast<double>(level)}},
       .color = 3,
       .dashed = true});
  // The level lies between 0 and one of `end` and its mirror image: any path there touches it.
  const int64_t mirror = 2 * level - end;
  const bool direct = level >= 0 ? end >= level : end <= level;
  const int64_t beyond = direct ? end : mirror;
  if (std::abs(beyond) > n || (n - beyond) % 2 != 0) return figure;
  std::vector<int64_t> path = {0}, reflected;
  Random random(1);
  int64_t up = (n + beyond) / 2;
  bool touched = false;
  for (int64_t left = n; left > 0; --left) {
    const bool step = static_cast<int64_t>(random.Below(static_cast<uint64_t>(left))) < up;
    up -= step ? 1 : 0;
    path.push_back(path.back() + (step ? 1 : -1));
  }
  for (const int64_t place : path) {
    touched = touched || place == level;
    reflected.push_back(touched ? 2 * level - place : place);
  }
  Curve own = PathCurve(direct ? path : reflected), image = PathCurve(direct ? reflected : path);
  own.name = "the path";
  image.name = "mirrored from the first touch on";
  image.color = 1;
  image.dashed = true;
  figure.curves.push_back(image);
  figure.curves.push_back(own);
  return figure;
}

Figure BallotFigure(int64_t a, int64_t b) {
  const int64_t votes = a + b, stride = std::max<int64_t>(1, votes / kSamples);
  Figure figure{.title = fmt::format("A leads throughout the count of {} votes", votes),
                .x_label = "votes for A",
                .y_label = "probability",
                .legend = plot::Corner::kTopLeft};
  const auto value = [&](int64_t k) {
    return 2 * k > votes ? static_cast<double>(2 * k - votes) / static_cast<double>(votes) : 0.0;
  };
  Curve exact{.name = "exact: (a - b)/(a + b)"}, win{.name = "A wins in the end", .color = 1, .dashed = true};
  for (int64_t k = 0; k <= votes; k += stride) {
    exact.points.push_back({static_cast<double>(k), value(k)});
    win.points.push_back({static_cast<double>(k), 2 * k > votes ? 1.0 : 0.0});
  }
  exact.markers = votes <= 60;
  figure.curves = {win,
                   exact,
                   {.name = fmt::format("a = {}: {:.4g}", a, value(a)),
                    .points = {{static_cast<double>(a), value(a)}},
                    .color = 3,
                    .markers = true}};
  return figure;
}

Figure RuinFigure(int64_t stake, int64_t goal, const Rational& p) {
  Figure figure{.title = fmt::format("Ruin before {} coins, p = {}", goal, p.ToString()),
                .x_label = "coins at the start",
                .y_label = "probability of ruin",
                .legend = plot::Corner::kBottomLeft};
  const double chance = p.ToDouble(), all = static_cast<double>(goal);
  // With s = q/p < 1: (s^z - s^N)/(1 - s^N); with s = p/q < 1: (1 - s^(N - z))/(1 - s^N).
  const auto value = [&](double z) {
    if (z <= 0) return 1.0;
    if (z >= all) return 0.0;
    if (p == kFairP) return 1 - z / all;
    const bool rising = chance > 0.5;
    const double log = std::log(rising ? (1 - chance) / chance : chance / (1 - chance));
    if (std::isinf(log)) return rising ? 0.0 : 1.0;
    return rising ? (std::exp(z * log) - std::exp(all * log)) / -std::expm1(all * log)
                  : std::expm1((all - z) * log) / std::expm1(all * log);
  };
  Curve exact{.name = "exact"}, fair{.name = "fair game", .color = 1, .dashed = true};
  const double step = std::max(1.0, std::floor(all / kSamples));
  for (double z = 0; z <= all; z += step) {
    exact.points.push_back({z, value(z)});
    fair.points.push_back({z, 1 - z / all});
  }
  exact.markers = goal <= 60;
  const auto asked = static_cast<double>(stake);
  figure.curves = {fair,
                   exact,
                   {.name = fmt::format("{} coins: {:.4g}", stake, value(asked)),
                    .points = {{asked, value(asked)}},
                    .color = 3,
                    .markers = true}};
  return figure;
}

}  // namespace tessera::math::walk
