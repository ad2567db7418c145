#include "tessera/math/calculus/picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
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

plot::Figure SectionsFigure(const Formula& f, const std::vector<Rational>& point, const std::vector<double>& gradient,
                            const std::vector<std::vector<double>>& directions) {
  constexpr size_t kAxes = 4;
  constexpr int kHalf = 100;
  plot::Figure figure{
      .title = "The function along lines through the point", .x_label = "way along the unit vector", .y_label = "f"};
  Tape tape(f.graph, f.root);
  std::vector<double> at;
  for (const Rational& value : point) at.push_back(value.ToDouble());
  const auto add = [&](const std::string& name, const std::vector<double>& v) {
    double square = 0;
    for (const double part : v) square += part * part;
    plot::Curve curve{.name = name, .color = static_cast<int>(figure.curves.size())};
    std::vector<double> x(at.size());
    for (int k = -kHalf; k <= kHalf; ++k) {
      const double way = static_cast<double>(k) / kHalf;
      for (size_t i = 0; i < at.size(); ++i) x[i] = at[i] + way / std::sqrt(square) * v[i];
      curve.points.push_back({way, tape.Value(x)});
    }
    figure.curves.push_back(std::move(curve));
  };
  std::vector<size_t> axes = f.order;
  if (!gradient.empty())
    std::ranges::stable_sort(axes, std::greater(), [&](size_t i) { return std::abs(gradient[i]); });
  for (size_t k = 0; k < std::min(kAxes, axes.size()); ++k) {
    std::vector<double> v(at.size());
    v[axes[k]] = 1;
    add("along " + f.graph.variables()[axes[k]], v);
  }
  for (size_t k = 0; k < std::min<size_t>(2, directions.size()); ++k)
    add(fmt::format("direction {}", k + 1), directions[k]);
  figure.curves.push_back({.points = {{0, tape.Value(at)}}, .color = -1, .markers = true});
  return figure;
}

plot::Figure FormulaFigure(const Formula& f) {
  const std::vector<Rational> origin(f.order.size());
  if (f.order.size() == 2) {
    plot::Figure figure = GradientFigure(f, origin, {}, {});
    figure.title = "Lines of equal height";
    figure.curves.clear();
    return figure;
  }
  plot::Figure figure{.title = "The function and its derivative", .x_label = f.graph.variables()[0], .y_label = "f"};
  plot::Curve value{.name = "f"}, slope{.name = "f'", .color = 1, .dashed = true};
  Tape tape(f.graph, f.root);
  for (int i = -200; i <= 200; ++i) {
    const double x[] = {i / 66.0};
    double derivative = 0;
    value.points.push_back({x[0], tape.Gradient(x, {&derivative, 1})});
    slope.points.push_back({x[0], derivative});
  }
  figure.curves = {value, slope};
  return figure;
}

}  // namespace tessera::math::calculus
