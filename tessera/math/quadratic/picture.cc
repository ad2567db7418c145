#include "tessera/math/quadratic/picture.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tessera::math::quadratic {
namespace {

using plot::Point;

// The problem in doubles, with the sign that makes a maximum a minimum.
struct Plane {
  double a, b, d, p, q, c;  // ax² + 2bxy + dy² + px + qy + c
  double At(Point at) const {
    return a * at.x * at.x + 2 * b * at.x * at.y + d * at.y * at.y + p * at.x + q * at.y + c;
  }
  Point Gradient(Point at) const { return {2 * (a * at.x + b * at.y) + p, 2 * (b * at.x + d * at.y) + q}; }
  double Curvature(Point v) const { return a * v.x * v.x + 2 * b * v.x * v.y + d * v.y * v.y; }
};

// From `at` along `v` to the lowest point.
Point Descend(const Plane& f, Point at, Point v) {
  const Point g = f.Gradient(at);
  const double curvature = f.Curvature(v);
  if (curvature == 0) return at;
  const double t = -(g.x * v.x + g.y * v.y) / (2 * curvature);
  return {at.x + t * v.x, at.y + t * v.y};
}

plot::Curve SteepestDescent(const Plane& f, Point at) {
  plot::Curve path{.name = "steepest descent", .points = {at}, .color = 1, .markers = true, .width = 1.6};
  for (int i = 0; i < 40; ++i) {
    const Point g = f.Gradient(at);
    at = Descend(f, at, g);
    path.points.push_back(at);
  }
  return path;
}

plot::Curve ConjugateGradients(const Plane& f, Point at) {
  plot::Curve path{.name = "conjugate gradients", .points = {at}, .color = 2, .markers = true, .width = 2.6};
  Point g = f.Gradient(at), v = g;
  for (int i = 0; i < 2; ++i) {
    at = Descend(f, at, v);
    path.points.push_back(at);
    const Point next = f.Gradient(at);
    const double before = g.x * g.x + g.y * g.y, beta = before == 0 ? 0 : (next.x * next.x + next.y * next.y) / before;
    v = {next.x + beta * v.x, next.y + beta * v.y};
    g = next;
  }
  return path;
}

}  // namespace

plot::Figure ContourFigure(const ExactProblem& problem, const ExactSolution& s,
                           const std::vector<std::string>& variables) {
  constexpr int kGrid = 121;
  const Plane f = {problem.a[0].ToDouble(), problem.a[1].ToDouble(), problem.a[3].ToDouble(),
                   problem.b[0].ToDouble(), problem.b[1].ToDouble(), problem.c.ToDouble()};
  const Point centre = s.x.empty() ? Point{} : Point{s.x[0].ToDouble(), s.x[1].ToDouble()};
  const double reach = std::max(1.0, 1.5 * std::hypot(centre.x, centre.y));
  plot::Figure figure{.title = std::string(Name(s.kind)),
                      .x_label = variables.empty() ? "x1" : variables[0],
                      .y_label = variables.empty() ? "x2" : variables[1],
                      .equal_scales = true};
  plot::Contours contours{.x0 = centre.x - reach,
                          .x1 = centre.x + reach,
                          .y0 = centre.y - reach,
                          .y1 = centre.y + reach,
                          .columns = kGrid,
                          .rows = kGrid};
  for (int j = 0; j < kGrid; ++j)
    for (int i = 0; i < kGrid; ++i)
      contours.z.push_back(
          f.At({contours.x0 + 2 * reach * i / (kGrid - 1), contours.y0 + 2 * reach * j / (kGrid - 1)}));
  figure.contours = {contours};
  if (s.kind == Kind::kUniqueMinimum || s.kind == Kind::kUniqueMaximum) {
    // The start that shows the zigzag best: gradients of equal size along both axes of the ellipses.
    const double turn = 0.5 * std::atan2(2 * f.b, f.a - f.d);
    const double one = std::abs(f.Curvature({std::cos(turn), std::sin(turn)})),
                 two = std::abs(f.Curvature({-std::sin(turn), std::cos(turn)}));
    double u = 1 / one, v = 1 / two;
    const double scale = 0.85 * reach / std::hypot(u, v);
    u *= scale;
    v *= scale;
    const Point start = {centre.x + u * std::cos(turn) - v * std::sin(turn),
                         centre.y + u * std::sin(turn) + v * std::cos(turn)};
    figure.curves = {SteepestDescent(f, start), ConjugateGradients(f, start)};
  }
  if (!s.null_space.empty() && !s.x.empty() && s.null_space.size() == 1) {
    const double x = s.null_space[0][0].ToDouble(), y = s.null_space[0][1].ToDouble(), length = std::hypot(x, y);
    const double t = 2 * reach / length;
    figure.curves.push_back({.name = "stationary points",
                             .points = {{centre.x - t * x, centre.y - t * y}, {centre.x + t * x, centre.y + t * y}},
                             .color = 2,
                             .width = 3});
  }
  if (!s.descent.empty()) {
    const double x = s.descent[0].ToDouble(), y = s.descent[1].ToDouble(), length = std::hypot(x, y) / (0.8 * reach);
    figure.arrows.push_back({centre, {centre.x + x / length, centre.y + y / length}, 1});
    figure.labels.push_back({{centre.x + x / length, centre.y + y / length}, "falls without bound", 1});
  }
  return figure;
}

plot::Figure ResidualFigure(const std::vector<double>& residuals, const std::string& method) {
  plot::Figure figure{.title = "Residual of " + method, .x_label = "iteration", .y_label = "‖r‖ / ‖r₀‖", .log_y = true};
  plot::Curve curve;
  const size_t step = std::max<size_t>(1, residuals.size() / 2000);
  for (size_t i = 0; i < residuals.size(); i += step) curve.points.push_back({static_cast<double>(i), residuals[i]});
  figure.curves = {curve};
  return figure;
}

}  // namespace tessera::math::quadratic
