#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tessera/math/walk/lattice.h"
#include "tessera/math/walk/picture.h"
#include "tessera/math/walk/polya.h"

namespace tessera::math::walk {
namespace {

using plot::Bars;
using plot::Curve;
using plot::Figure;
using plot::Point;

}  // namespace

Figure SitesFigure(int64_t n, const Rational& p) {
  constexpr int64_t kMost = 10'000'000;
  const int64_t steps = std::clamp<int64_t>(n, 20, kMost);
  const bool logarithmic = steps > 200;
  Figure figure{.title = fmt::format("How many places it has seen, p = {}", p.ToString()),
                .x_label = "steps",
                .y_label = "mean number of places",
                .log_x = logarithmic,
                .log_y = logarithmic,
                .legend = plot::Corner::kTopLeft};
  const double chance = p.ToDouble(), drift = std::abs(2 * chance - 1), variance = 4 * chance * (1 - chance);
  Curve exact{.name = "exact"}, limit{.name = drift > 0 ? "|p − q| n" : "sqrt(8n/π)", .color = 1, .dashed = true};
  // E = 1 + Σ_k P(no return within k); first returns f_2m = u_2m/(2m - 1), u_2m = u_(2m-2) (2m - 1)/(2m) 4pq
  double places = 1, none = 1, back = 1;
  const double ratio = std::exp(std::log(static_cast<double>(steps)) / kSamples);
  double next = 1;
  for (int64_t k = 1; k <= steps; ++k) {
    const auto time = static_cast<double>(k);
    if (k % 2 == 0) {
      back *= (time - 1) / time * variance;
      none -= back / (time - 1);
    }
    places += none;
    if (time < next && k != steps && k != n) continue;
    next = logarithmic ? std::max(time + 1, time * ratio) : time;
    exact.points.push_back({time, places});
    limit.points.push_back({time, drift > 0 ? drift * time : std::sqrt(8 * time / std::numbers::pi)});
    if (k == n)
      figure.curves.push_back(
          {.name = fmt::format("n = {}: {:.6g}", n, places), .points = {{time, places}}, .color = 3, .markers = true});
  }
  figure.curves.insert(figure.curves.begin(), {limit, exact});
  return figure;
}

Figure MomentsFigure(int64_t n, const Rational& p) {
  Figure figure{.title = fmt::format("Moments after {} steps, against their limit", n),
                .x_label = "m",
                .y_label = "E S^m / (E S²)^(m/2)",
                .log_y = true,
                .legend = plot::Corner::kTopLeft};
  const bool fair = p == kFairP;
  Bars bars{.name = "exact", .width = 1.2};
  Curve limit{.name = fair ? "(m − 1)!!" : "1", .color = 1, .markers = true};
  const double square = Moment(n, 2, p).ToDouble();
  double odd = 1;
  for (int m = 2; m <= 8; m += 2) {
    odd *= m - 1;
    if (square > 0)
      bars.tops.push_back({static_cast<double>(m), (Moment(n, m, p) / Power(Moment(n, 2, p), m / 2)).ToDouble()});
    limit.points.push_back({static_cast<double>(m), fair ? odd : 1});
  }
  figure.bars = {bars};
  figure.curves = {limit, {.points = {{2, 0.5}}, .color = 1}};  // room below 1, where bars begin
  return figure;
}

Figure PolyaFigure(int d) {
  Figure figure{
      .title = "Does a drunkard in d dimensions ever come home?", .x_label = "dimensions d", .y_label = "probability"};
  Bars bars{.name = "comes home", .width = 0.8}, asked{.width = 0.8, .color = 3};
  Curve limit{.name = "1/(2d), many dimensions", .color = 1, .dashed = true};
  constexpr int kShown = 10;
  for (int k = 1; k <= std::max(kShown, d); ++k) {
    if (k > kShown && k != d) continue;
    const double home = k <= 2 ? 1 : ReturnProbability(k, 53).ToDouble();
    if (k == d) asked.name = fmt::format("d = {}: {:.6f}", d, home);
    (k == d ? asked : bars).tops.push_back({static_cast<double>(k), home});
    limit.points.push_back({static_cast<double>(k), 1 / (2.0 * k)});
  }
  figure.bars = {bars, asked};
  figure.curves = {limit};
  return figure;
}

Figure LatticeFigure(int d, int64_t n) {
  Figure figure{.title = fmt::format("Coming home in {} dimension{}", d, d == 1 ? "" : "s"),
                .x_label = "time t",
                .y_label = "probability",
                .log_x = true,
                .legend = plot::Corner::kTopLeft};
  const int64_t steps = std::min(std::max<int64_t>(n, 1000), kMaxLatticeDoubles);
  const std::vector<double> first = LatticeFirstReturns(d, steps);
  Curve within{.name = "back within t steps"},
      at{.name = "back at step t for the first time", .color = 2, .markers = true};
  double sum = 0, next = 2;
  for (size_t m = 1; m < first.size(); ++m) {
    const auto time = static_cast<double>(2 * m);
    sum += first[m];
    if (2 * static_cast<int64_t>(m) == n || 2 * static_cast<int64_t>(m) + 1 == n)
      figure.curves.push_back(
          {.name = fmt::format("within {}: {:.4g}", n, sum), .points = {{time, sum}}, .color = 3, .markers = true});
    if (time < next) continue;
    next = time * 1.03;
    within.points.push_back({time, sum});
    at.points.push_back({time, first[m]});
  }
  const double ever = d == 3 ? ReturnProbability(3, 53).ToDouble() : 1;
  const auto end = static_cast<double>(steps);
  figure.curves.insert(figure.curves.begin(), {{.name = d == 3 ? fmt::format("ever: {:.6f}", ever) : "ever: 1",
                                                .points = {{2, ever}, {end, ever}},
                                                .color = 1,
                                                .dashed = true},
                                               within,
                                               at});
  return figure;
}

Figure LatticePlaceFigure(int64_t n, std::span<const int64_t> place) {
  constexpr int64_t kShown = 60;
  const auto d = static_cast<double>(place.size());
  int64_t distance = 0;
  double square = 0;
  for (const int64_t x : place) {
    distance += std::abs(x);
    square += static_cast<double>(x) * static_cast<double>(x);
  }
  Figure figure{.title = "P(there after t steps)", .x_label = "time t", .y_label = "probability"};
  const int64_t first = distance > 0 ? distance : 2;
  const int64_t last = std::min(std::max(2 * n, first + 40), kMaxLatticeSteps);
  Bars bars{.name = "exact"};
  Curve limit{.name = "normal limit", .color = 1};
  const int64_t stride = std::max<int64_t>(1, (last - first) / 2 / kShown) * 2;
  bars.width = static_cast<double>(stride);
  for (int64_t t = first; t <= last; t += stride) {
    const auto time = static_cast<double>(t);
    bars.tops.push_back({time, LatticePoint(t, place).ToDouble()});
    limit.points.push_back(
        {time, 2 * std::pow(d / (2 * std::numbers::pi * time), d / 2) * std::exp(-d * square / (2 * time))});
  }
  figure.bars = {bars};
  figure.curves = {limit};
  if (n >= first && (n - first) % 2 == 0)
    if (const double there = LatticePoint(n, place).ToDouble(); true)
      figure.curves.push_back({.name = fmt::format("t = {}: {:.4g}", n, there),
                               .points = {{static_cast<double>(n), there}},
                               .color = 3,
                               .markers = true});
  return figure;
}

}  // namespace tessera::math::walk
