#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tessera/math/walk/law.h"
#include "tessera/math/walk/picture.h"

namespace tessera::math::walk {
namespace {

using plot::Bars;
using plot::Curve;
using plot::Figure;
using plot::Point;

constexpr int64_t kMostBars = 240;
constexpr double kLeast = 1e-250;  // what is smaller is left out of logarithmic pictures
constexpr int64_t kPrecision = 80;

double PointAt(int64_t n, int64_t x, const Rational& p) { return PointProbability(n, x, p, kPrecision).ToDouble(); }

// Bars where they are few, else a curve through the same points.
void AddLaw(Figure& figure, std::vector<Point> points, double width) {
  if (static_cast<int64_t>(points.size()) <= kMostBars && width > 0) {
    figure.bars.push_back({.name = "exact", .tops = std::move(points), .width = width});
  } else {
    figure.curves.push_back({.name = "exact", .points = std::move(points), .width = 3});
  }
}

// A dot on the law, with its number.
void Mark(Figure& figure, const std::string& name, Point at) {
  if (figure.log_y && !(at.y > kLeast)) return;
  figure.curves.push_back({.name = name, .points = {at}, .color = 3, .markers = true});
}

double HalfNormal(double r, double n) { return std::sqrt(2 / (std::numbers::pi * n)) * std::exp(-r * r / (2 * n)); }

// Times from `low` to `high` of one parity, in about equal ratios.
std::vector<int64_t> Times(int64_t low, int64_t high) {
  std::vector<int64_t> times;
  const double ratio = std::log(static_cast<double>(high) / static_cast<double>(low));
  for (int64_t i = 0; i <= kSamples; ++i) {
    const double t = static_cast<double>(low) * std::exp(ratio * static_cast<double>(i) / kSamples);
    const int64_t time = low + (static_cast<int64_t>(t) - low) / 2 * 2;
    if (times.empty() || time > times.back()) times.push_back(time);
  }
  return times;
}

}  // namespace

Figure PointFigure(int64_t n, int64_t x, const Rational& p) {
  const double chance = p.ToDouble(), steps = static_cast<double>(n), mean = steps * (2 * chance - 1);
  const double sigma = std::sqrt(4 * chance * (1 - chance) * steps);
  Figure figure{.title = fmt::format("P(S_n = {}) within the law after {} steps", x, n),
                .x_label = "place",
                .y_label = "probability"};
  const double from = std::max(-steps, std::min(mean - 4 * sigma, static_cast<double>(x) - sigma) - 2),
               to = std::min(steps, std::max(mean + 4 * sigma, static_cast<double>(x) + sigma) + 2);
  const auto low = static_cast<int64_t>(from), high = static_cast<int64_t>(to);
  const int64_t stride = std::max<int64_t>(1, (high - low) / 2 / kMostBars) * 2;
  std::vector<Point> law;
  for (int64_t y = low + ((n - low) % 2 != 0 ? 1 : 0); y <= high; y += stride)
    law.push_back({static_cast<double>(y), PointAt(n, y, p)});
  const double there = std::abs(x) <= n ? PointAt(n, x, p) : 0;
  double most = 0;
  for (const Point& point : law) most = std::max(most, point.y);
  figure.log_y = there > kLeast && there < 1e-3 * most;
  if (figure.log_y) std::erase_if(law, [](const Point& point) { return point.y < kLeast; });
  AddLaw(figure, law, stride == 2 ? 2 : 0);
  if (sigma > 0) {
    Curve normal{.name = "normal limit", .color = 1};
    for (int64_t i = 0; i <= kSamples; ++i) {
      const double y = from + (to - from) * static_cast<double>(i) / kSamples, t = (y - mean) / sigma;
      const double density = 2 / (sigma * std::sqrt(2 * std::numbers::pi)) * std::exp(-t * t / 2);
      if (!figure.log_y || density > kLeast) normal.points.push_back({y, density});
    }
    figure.curves.push_back(normal);
  }
  Mark(figure, fmt::format("x = {}: {:.4g}", x, there), {static_cast<double>(x), there});
  return figure;
}

Figure FirstPassageFigure(int64_t n, int64_t a, const Rational& p) {
  Figure figure{.title = fmt::format("When {} is visited first, p = {}", a, p.ToString()),
                .x_label = "time t",
                .y_label = "probability",
                .log_x = true,
                .log_y = true,
                .legend = plot::Corner::kBottomLeft};
  const double chance = p.ToDouble(), drift = 2 * chance - 1, variance = 4 * chance * (1 - chance);
  const auto far = static_cast<double>(std::abs(a));
  const auto at = [&](int64_t t) { return far / static_cast<double>(t) * PointAt(t, a, p); };
  // To where the bulk is past, as far as n is.
  constexpr int64_t kLast = int64_t{1} << 59;
  const double bulk =
      drift * static_cast<double>(a) > 0 ? std::min(20 * far * far, 8 * far / std::abs(drift)) : 20 * far * far;
  const int64_t first = std::abs(a),
                last = std::max<int64_t>(
                    {n, 100, bulk > static_cast<double>(kLast) ? kLast : static_cast<int64_t>(bulk), first + 2});
  std::vector<Point> law;
  Curve limit{.name = drift == 0 ? "limit, ends as t^(-3/2)" : "limit for many steps", .color = 1};
  for (const int64_t t : Times(first, last)) {
    const double time = static_cast<double>(t), value = at(t);
    if (value > kLeast) law.push_back({time, value});
    const double off = static_cast<double>(a) - drift * time;
    const double density = variance > 0 ? 2 * far / std::sqrt(2 * std::numbers::pi * variance * time * time * time) *
                                              std::exp(-off * off / (2 * variance * time))
                                        : 0;
    if (density > kLeast && value > kLeast) limit.points.push_back({time, density});
  }
  AddLaw(figure, law, 0);
  figure.curves.push_back(limit);
  if (n >= first && (n - a) % 2 == 0)
    Mark(figure, fmt::format("t = {}: {:.4g}", n, at(n)), {static_cast<double>(n), at(n)});
  return figure;
}

Figure FirstReturnFigure(int64_t n, const Rational& p) {
  Figure figure{.title = fmt::format("When it first comes back, p = {}", p.ToString()),
                .x_label = "time t",
                .y_label = "probability",
                .log_x = true,
                .log_y = true,
                .legend = plot::Corner::kBottomLeft};
  const double chance = p.ToDouble(), variance = 4 * chance * (1 - chance);
  const auto at = [&](int64_t t) { return PointAt(t, 0, p) / static_cast<double>(t - 1); };
  std::vector<Point> law;
  Curve tail{.name = variance < 1 ? "limit t^(-3/2) (4pq)^(t/2)" : "limit sqrt(2/π) t^(-3/2)", .color = 1};
  for (const int64_t t : Times(2, std::max<int64_t>(n, 1000))) {
    const double time = static_cast<double>(t), value = at(t);
    if (!(value > kLeast)) continue;
    law.push_back({time, value});
    tail.points.push_back(
        {time, std::sqrt(2 / std::numbers::pi) * std::pow(time, -1.5) * std::exp(time / 2 * std::log(variance))});
  }
  AddLaw(figure, law, 0);
  figure.curves.back().markers = true;
  figure.curves.push_back(tail);
  if (n >= 2 && n % 2 == 0) Mark(figure, fmt::format("t = {}: {:.4g}", n, at(n)), {static_cast<double>(n), at(n)});
  return figure;
}

Figure MaximumFigure(int64_t n, int64_t r, const Rational& p) {
  Figure figure{.title = fmt::format("The farthest place within {} steps, p = {}", n, p.ToString()),
                .x_label = "greatest place r",
                .y_label = "probability"};
  const bool fair = p == kFairP;
  const double chance = p.ToDouble(), steps = static_cast<double>(n);
  std::vector<Point> law;
  double marked = 0;
  if (n <= kMaxLawSteps) {
    const std::vector<double> ends = Law(n, p);
    const auto size = static_cast<size_t>(n);
    const auto end = [&](int64_t x) {
      return (n + x) % 2 != 0 || x > n ? 0.0 : ends[static_cast<size_t>((n + x) / 2)];
    };
    // reach[r] = P(max >= r); `mirrored` is P(S_n < -r) (p/q)^r = Σ_(y > r) P(S_n = y) (q/p)^(y - r)
    std::vector<double> reach(size + 2);
    const double ratio = chance > 0 ? (1 - chance) / chance : 0;
    double above = 0, mirrored = 0;
    for (int64_t place = n; place >= 0; --place) {
      mirrored = ratio * (end(place + 1) + mirrored);
      above += end(place);
      reach[static_cast<size_t>(place)] = chance > 0 ? above + mirrored : place == 0 ? 1 : 0;
    }
    double most = 0;
    for (size_t place = 0; place <= size; ++place) most = std::max(most, reach[place] - reach[place + 1]);
    size_t low = size, high = 0;
    for (size_t place = 0; place <= size; ++place)
      if (reach[place] - reach[place + 1] > 1e-5 * most) low = std::min(low, place), high = place;
    const size_t stride = std::max<size_t>(1, (high - low) / kMostBars);
    for (size_t place = low; place <= high; place += stride)
      law.push_back({static_cast<double>(place), reach[place] - reach[place + 1]});
    if (r >= 0 && r <= n) marked = reach[static_cast<size_t>(r)] - reach[static_cast<size_t>(r) + 1];
    AddLaw(figure, law, static_cast<double>(stride));
  }
  if (fair && n > 0) {
    Curve limit{.name = "half normal limit", .color = 1};
    for (int64_t i = 0; i <= kSamples; ++i) {
      const double place = std::min(steps, 5 * std::sqrt(steps)) * static_cast<double>(i) / kSamples;
      limit.points.push_back({place, HalfNormal(place, steps)});
    }
    figure.curves.push_back(limit);
  }
  if (n <= kMaxLawSteps && r >= 0 && r <= n)
    Mark(figure, fmt::format("r = {}: {:.4g}", r, marked), {static_cast<double>(r), marked});
  return figure;
}

Figure ReturnsFigure(int64_t n, int64_t r) {
  Figure figure{.title = fmt::format("How often it came back within {} steps", n),
                .x_label = "returns r",
                .y_label = "probability"};
  const int64_t m = n / 2;
  const auto pairs = static_cast<double>(m), steps = std::max(2 * pairs, 1.0);
  const auto last = static_cast<int64_t>(std::min(pairs, 5 * std::sqrt(steps) + 3));
  constexpr int64_t kMostComputed = 50'000'000;
  double marked = 0;
  if (last <= kMostComputed) {  // P(r + 1)/P(r) = 2(m - r)/(2m - r)
    std::vector<Point> law;
    double value = PointAt(2 * m, 0, kFairP);
    const int64_t stride = std::max<int64_t>(1, last / kMostBars);
    for (int64_t k = 0; k <= last; ++k) {
      if (k % stride == 0) law.push_back({static_cast<double>(k), value});
      if (k == r) marked = value;
      value *= m > 0 ? 2 * (pairs - static_cast<double>(k)) / (2 * pairs - static_cast<double>(k)) : 0;
    }
    AddLaw(figure, law, static_cast<double>(stride));
  }
  Curve limit{.name = "half normal limit", .color = 1};
  for (int64_t i = 0; i <= kSamples && m > 0; ++i) {
    const double place = static_cast<double>(last) * static_cast<double>(i) / kSamples;
    limit.points.push_back({place, HalfNormal(place, steps)});
  }
  figure.curves.push_back(limit);
  if (r >= 0 && r <= last) Mark(figure, fmt::format("r = {}: {:.4g}", r, marked), {static_cast<double>(r), marked});
  return figure;
}

Figure ArcsineFigure(int64_t n, int64_t at) {
  Figure figure{
      .title = fmt::format("The last visit to 0 within {} steps", n), .x_label = "time", .y_label = "probability"};
  const int64_t m = n / 2, stride = std::max<int64_t>(1, m / kMostBars);
  const auto value = [&](int64_t k) { return PointAt(2 * k, 0, kFairP) * PointAt(2 * (m - k), 0, kFairP); };
  std::vector<Point> law;
  Curve limit{.name = "arcsine limit", .color = 1};
  for (int64_t k = 0; k <= m; k += stride) {
    law.push_back({static_cast<double>(2 * k), value(k)});
    const double t = static_cast<double>(k) / static_cast<double>(std::max<int64_t>(m, 1));
    if (k > 0 && k < m)
      limit.points.push_back(
          {static_cast<double>(2 * k), 1 / (std::numbers::pi * std::sqrt(t * (1 - t)) * static_cast<double>(m))});
  }
  AddLaw(figure, law, stride == 1 ? 2 : 0);
  figure.curves.push_back(limit);
  if (at >= 0 && at <= n && at % 2 == 0)
    Mark(figure, fmt::format("time {}: {:.4g}", at, value(at / 2)), {static_cast<double>(at), value(at / 2)});
  return figure;
}

Figure CoefficientsFigure(Sequence sequence, const Rational& p, int64_t a, const std::vector<Rational>& coefficients) {
  Figure figure{.title = "Coefficients of the generating function",
                .x_label = "power of z",
                .y_label = "coefficient",
                .log_y = true};
  Bars bars{.name = "exact", .width = 1};
  Curve limit{.name = "what the singularity says", .color = 1, .markers = true};
  for (size_t n = 0; n < coefficients.size(); ++n) {
    const auto power = static_cast<double>(n);
    if (const double value = coefficients[n].ToDouble(); value > kLeast) bars.tops.push_back({power, value});
    const double asymptotic = AsymptoticCoefficient(sequence, p, a, static_cast<int64_t>(n));
    if (asymptotic > kLeast) limit.points.push_back({power, asymptotic});
  }
  figure.bars = {bars};
  figure.curves = {limit};
  return figure;
}

}  // namespace tessera::math::walk
