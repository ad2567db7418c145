#include "tessera/math/harmonic/proof.h"

#include <fmt/format.h>

#include "tessera/math/errors.h"

namespace tessera::math::harmonic {
namespace {

constexpr int kCurvePoints = 48, kFewPoints = 6;
constexpr int kChipsBelow = 150;  // further chips, too thin to tell apart

// The region 1/x <= y <= 1/k over k <= x <= k + 1, moved left by `shift`.
plot::Shape Chip(int k, double shift, double opacity, int points = kCurvePoints) {
  plot::Shape shape{.color = 1, .opacity = opacity};
  for (int i = 0; i <= points; ++i) {
    const double x = k + static_cast<double>(i) / points;
    shape.corners.push_back({x - shift, 1 / x});
  }
  shape.corners.push_back({k + 1 - shift, 1.0 / k});
  return shape;
}

}  // namespace

plot::Figure ProofFigure(int n) {
  if (n < 2 || n > 40) FailInput("domain", "harmonic: the picture is for n = 2 … 40, not {}", n);
  plot::Figure figure{
      .title = fmt::format("H_n = ln n + γ + 1/(2n) − …, here n = {}", n), .x_label = "x", .y_label = "1/x"};
  plot::Bars steps{.name = "1 + 1/2 + … + 1/n", .width = 1, .color = 5};
  for (int k = 1; k <= n; ++k) steps.tops.push_back({k + 0.5, 1.0 / k});
  plot::Curve curve{.name = "1/x, area ln n up to n", .color = 0, .width = 2.4};
  for (int i = 0; i <= 200; ++i) {
    const double x = 1 + n * static_cast<double>(i) / 200;
    curve.points.push_back({x, 1 / x});
  }
  plot::Curve square{.color = -1, .width = 1.5};
  square.points = {{0, 0}, {1, 0}, {1, 1}, {0, 1}, {0, 0}};
  figure.bars = {steps};
  figure.curves = {curve, square};
  for (int k = 1; k < n; ++k) {
    figure.shapes.push_back(Chip(k, 0, 0.7));
    plot::Shape moved = Chip(k, k, 0.8);
    moved.slide_from = k;
    if (k == 1) moved.name = "chips: together γ of the square";
    figure.shapes.push_back(moved);
  }
  for (int k = n; k < n + kChipsBelow; ++k) figure.shapes.push_back(Chip(k, k, 0.45, kFewPoints));
  figure.shapes.push_back(
      {.name = "the triangle 1/(2n)", .corners = {{0, 0}, {1, 0}, {0, 1.0 / n}}, .color = 2, .opacity = 0.85});
  figure.labels.push_back({{0.62, 0.8}, "γ"});
  return figure;
}

}  // namespace tessera::math::harmonic
