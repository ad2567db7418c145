#include "tessera/math/calculus/picture.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tessera/math/calculus/tape.h"

namespace tessera::math::calculus {
namespace {

using plot::Point;

plot::Figure OneVariable(const Formula& f, double at, const std::vector<double>& gradient) {
  Tape tape(f.graph, f.root);
  const double reach = std::max(2.0, 1.2 * std::abs(at));
  plot::Figure figure{.title = "The function and its tangent", .x_label = f.graph.variables()[0], .y_label = "f"};
  plot::Curve curve{.name = "f"};
  for (int i = 0; i <= 400; ++i) {
    const double x[] = {at - reach + 2 * reach * i / 400};
    curve.points.push_back({x[0], tape.Value(x)});
  }
  const double x[] = {at};
  const double value = tape.Value(x);
  figure.curves = {curve};
  if (!gradient.empty())
    figure.curves.push_back({.name = "tangent",
                             .points = {{at - reach / 2, value - gradient[0] * reach / 2},
                                        {at + reach / 2, value + gradient[0] * reach / 2}},
                             .color = 1});
  figure.curves.push_back({.points = {{at, value}}, .color = 1, .markers = true});
  return figure;
}

}  // namespace

plot::Figure GradientFigure(const Formula& f, const std::vector<Rational>& point, const std::vector<double>& gradient,
                            const std::vector<std::vector<double>>& directions) {
  if (f.order.size() == 1) return OneVariable(f, point[0].ToDouble(), gradient);
  constexpr int kGrid = 121;
  const size_t first = f.order[0], second = f.order[1];
  const Point at = {point[first].ToDouble(), point[second].ToDouble()};
  const double reach = std::max(1.5, 1.1 * std::hypot(at.x, at.y));
  plot::Figure figure{.title = "Lines of equal height, and the gradient",
                      .x_label = f.graph.variables()[first],
                      .y_label = f.graph.variables()[second],
                      .equal_scales = true};
  plot::Contours map{
      .x0 = at.x - reach, .x1 = at.x + reach, .y0 = at.y - reach, .y1 = at.y + reach, .columns = kGrid, .rows = kGrid};
  Tape tape(f.graph, f.root);
  for (int j = 0; j < kGrid; ++j)
    for (int i = 0; i < kGrid; ++i) {
      double x[2];
      x[first] = map.x0 + 2 * reach * i / (kGrid - 1);
      x[second] = map.y0 + 2 * reach * j / (kGrid - 1);
      map.z.push_back(tape.Value(x));
    }
  figure.contours = {map};
  figure.curves.push_back({.points = {at}, .color = -1, .markers = true});
  if (gradient.empty()) return figure;
  const double gx = gradient[first], gy = gradient[second], length = std::hypot(gx, gy);
  if (length == 0) return figure;
  const double scale = 0.75 * reach / length;
  plot::Curve circle{.name = "D_u f around the place", .color = 2, .dashed = true};
  for (int i = 0; i <= 180; ++i) {
    const double angle = i * std::numbers::pi / 180, ux = std::cos(angle), uy = std::sin(angle),
                 slope = (gx * ux + gy * uy) * scale;
    circle.points.push_back({at.x + slope * ux, at.y + slope * uy});
  }
  figure.curves.push_back(circle);
  figure.arrows.push_back({at, {at.x + gx * scale, at.y + gy * scale}, 1});
  figure.labels.push_back({{at.x + gx * scale * 1.05, at.y + gy * scale * 1.05}, "∇f", 1});
  for (const auto& v : directions) {
    const double ux = v[first], uy = v[second], size = std::hypot(ux, uy), slope = (gx * ux + gy * uy) / size * scale;
    figure.arrows.push_back({at, {at.x + slope * ux / size, at.y + slope * uy / size}, 3});
  }
  return figure;
}

}  // namespace tessera::math::calculus
