#include <algorithm>
#include <cmath>
#include <limits>

#include "tessera/math/plot/figure.h"

namespace tessera::math::plot {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

class Extent {
 public:
  explicit Extent(bool logarithmic) : logarithmic_(logarithmic) {}
  void Add(double value) {
    if (!std::isfinite(value) || (logarithmic_ && value <= 0)) return;
    low_ = std::min(low_, value);
    high_ = std::max(high_, value);
  }
  Range Get() const {
    if (low_ > high_) return {logarithmic_ ? 1.0 : 0.0, logarithmic_ ? 10.0 : 1.0};
    if (logarithmic_) return {low_ / 1.15, high_ * 1.15};
    const double pad = high_ > low_ ? 0.04 * (high_ - low_) : std::max(std::abs(low_) * 0.1, 1e-3);
    return {low_ - pad, high_ + pad};
  }

 private:
  bool logarithmic_;
  double low_ = kInfinity, high_ = -kInfinity;
};

double NiceStep(double rough) {
  const double scale = std::pow(10, std::floor(std::log10(rough))), part = rough / scale;
  return scale * (part <= 1.4 ? 1 : part <= 3 ? 2 : part <= 7 ? 5 : 10);
}

}  // namespace

Ranges RangesOf(const Figure& figure) {
  Extent x(figure.log_x), y(figure.log_y);
  const auto add = [&](const Point& p) {
    x.Add(p.x);
    y.Add(p.y);
  };
  for (const Contours& c : figure.contours) {  // a map is filled to its edge
    add({c.x0, c.y0});
    add({c.x1, c.y1});
  }
  if (!figure.contours.empty()) {
    const Contours& c = figure.contours.front();
    return {{c.x0, c.x1}, {c.y0, c.y1}};
  }
  for (const Shape& shape : figure.shapes)
    for (const Point& p : shape.corners) add(p);
  for (const Bars& bars : figure.bars)
    for (const Point& p : bars.tops) {
      add({p.x - bars.width / 2, p.y});
      add({p.x + bars.width / 2, 0});
    }
  for (const Curve& curve : figure.curves)
    for (const Point& p : curve.points) add(p);
  for (const Arrow& arrow : figure.arrows) {
    add(arrow.from);
    add(arrow.to);
  }
  Ranges ranges = {x.Get(), y.Get()};
  if (!figure.bars.empty() && !figure.log_y) ranges.y.low = std::min(0.0, ranges.y.low + 0.04 * ranges.y.high);
  return ranges;
}

std::vector<double> Ticks(const Range& range, int wanted, bool logarithmic) {
  std::vector<double> ticks;
  if (logarithmic) {
    const double decades = std::log10(range.high / range.low);
    const double step = std::max(1.0, NiceStep(decades / wanted));
    for (double e = std::ceil(std::log10(range.low) / step) * step; e <= std::log10(range.high) + 1e-9; e += step)
      ticks.push_back(std::pow(10, e));
    if (ticks.size() >= 2) return ticks;
    ticks.clear();
  }
  const double step = NiceStep((range.high - range.low) / wanted);
  const double first = std::ceil(range.low / step);
  for (int i = 0; i < 64; ++i) {
    const double value = (first + i) * step;
    if (value > range.high + step * 1e-9) break;
    ticks.push_back(std::abs(value) < step * 1e-9 ? 0.0 : value);
  }
  return ticks;
}

std::vector<double> ContourLevels(const Contours& contours) {
  std::vector<double> values, levels;
  for (const double z : contours.z)
    if (std::isfinite(z)) values.push_back(z);
  if (values.empty()) return levels;
  std::ranges::sort(values);
  for (int i = 1; i <= contours.lines; ++i)
    levels.push_back(values[values.size() * static_cast<size_t>(i) / static_cast<size_t>(contours.lines + 1)]);
  return levels;
}

std::vector<std::pair<Point, Point>> LevelLine(const Contours& c, double level) {
  std::vector<std::pair<Point, Point>> pieces;
  const auto x = [&](double i) { return c.x0 + (c.x1 - c.x0) * i / (c.columns - 1); };
  const auto y = [&](double j) { return c.y0 + (c.y1 - c.y0) * j / (c.rows - 1); };
  const auto z = [&](int i, int j) {
    return c.z[static_cast<size_t>(j) * static_cast<size_t>(c.columns) + static_cast<size_t>(i)] - level;
  };
  for (int j = 0; j + 1 < c.rows; ++j) {
    for (int i = 0; i + 1 < c.columns; ++i) {
      const double corner[4] = {z(i, j), z(i + 1, j), z(i + 1, j + 1), z(i, j + 1)};
      const double cx[5] = {0, 1, 1, 0, 0}, cy[5] = {0, 0, 1, 1, 0};
      Point crossing[4];
      int count = 0;
      for (int side = 0; side < 4; ++side) {
        const double a = corner[side], b = corner[(side + 1) % 4];
        if (!(std::isfinite(a) && std::isfinite(b)) || (a < 0) == (b < 0)) continue;
        const double t = a / (a - b);
        crossing[count++] = {x(i + cx[side] + t * (cx[side + 1] - cx[side])),
                             y(j + cy[side] + t * (cy[side + 1] - cy[side]))};
      }
      for (int k = 0; k + 1 < count; k += 2) pieces.emplace_back(crossing[k], crossing[k + 1]);
    }
  }
  return pieces;
}

}  // namespace tessera::math::plot
