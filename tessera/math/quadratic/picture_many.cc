#include <algorithm>
#include <cmath>

#include "tessera/math/quadratic/conjugate_gradient.h"
#include "tessera/math/quadratic/picture.h"
#include "tessera/math/quadratic/vectors.h"

namespace tessera::math::quadratic {
namespace {

using plot::Curve;
using plot::Figure;

constexpr double kTolerance = 1e-12, kMostWork = 2e9;

std::vector<double> Doubles(const std::vector<Rational>& x) {
  std::vector<double> result;
  for (const Rational& value : x) result.push_back(value.ToDouble());
  return result;
}

std::vector<double> SteepestDescent(const Product& multiply, std::vector<double> r, int64_t most) {
  std::vector<double> residuals = {1}, q(r.size());
  const double first = Norm(r);
  for (int64_t k = 0; k < most && residuals.back() > kTolerance; ++k) {
    multiply(r, q);
    const double curvature = Dot(r, q), rr = Dot(r, r);
    if (!(curvature > 0)) break;
    for (size_t i = 0; i < r.size(); ++i) r[i] -= rr / curvature * q[i];
    residuals.push_back(Norm(r) / first);
  }
  return residuals;
}

Curve Of(const std::string& name, const std::vector<double>& residuals, int color) {
  Curve curve{.name = name, .color = color, .markers = residuals.size() <= 60};
  for (size_t i = 0; i < residuals.size(); ++i)
    curve.points.push_back({static_cast<double>(i), std::max(residuals[i], kTolerance / 10)});
  return curve;
}

Figure ProfileFigure(const ExactProblem& p, const ExactSolution& s) {
  Figure figure{.title = std::string(Name(s.kind)), .x_label = "way from the point, t", .y_label = "f(x + t v)"};
  const std::vector<Rational> origin(static_cast<size_t>(p.n));
  const std::vector<Rational>& from = s.x.empty() ? origin : s.x;
  const double value = Evaluate(p, from).ToDouble();
  int color = 0;
  for (const auto& [name, v] :
       {std::pair{"v falls without bound", &s.descent}, std::pair{"v grows without bound", &s.ascent}}) {
    ++color;
    if (v->empty()) continue;
    std::vector<Rational> there = from, opposite = from;
    for (size_t i = 0; i < v->size(); ++i) {
      there[i] = there[i] + (*v)[i];
      opposite[i] = opposite[i] - (*v)[i];
    }
    // f(x + tv) = f + slope t + curvature t², from its values at t = 1 and -1
    const double up = Evaluate(p, there).ToDouble(), down = Evaluate(p, opposite).ToDouble(),
                 length = Norm(Doubles(*v));
    Curve curve{.name = name, .color = color};
    for (int i = -60; i <= 60; ++i) {
      const double way = i / 20.0, t = way / length;
      curve.points.push_back({way, value + (up - down) / 2 * t + ((up + down) / 2 - value) * t * t});
    }
    figure.curves.push_back(curve);
  }
  figure.curves.push_back({.points = {{0, value}}, .color = -1, .markers = true});
  return figure;
}

}  // namespace

Figure DescentFigure(const Product& multiply, const std::vector<double>& b, double work) {
  Figure figure{.title = "Two ways down: how fast the residual falls",
                .x_label = "iteration",
                .y_label = "‖r‖ / ‖r₀‖",
                .log_y = true};
  const auto n = static_cast<int64_t>(b.size());
  std::vector<double> start = b;
  if (Norm(b) == 0) {  // from a point whose parts are all different, in the range of A
    std::vector<double> x(b.size());
    for (size_t i = 0; i < x.size(); ++i) x[i] = std::cos(static_cast<double>(i * i % 1009));
    multiply(x, start);
  }
  const int64_t most = std::clamp<int64_t>(static_cast<int64_t>(kMostWork / (work + 1)), 20, 300);
  const Operator op{.n = n, .step = [&](ConstValues r, double beta, Values p, Values q) {
                      std::vector<double> next(p.size()), product(q.size());
                      for (size_t i = 0; i < p.size(); ++i) p[i] = next[i] = r[i] + beta * p[i];
                      multiply(next, product);
                      std::ranges::copy(product, q.begin());
                      return Dot(next, product);
                    }};
  const CgResult conjugate = ConjugateGradient(op, start, {.tolerance = kTolerance, .most_iterations = most});
  for (double& value : start) value /= -2;
  figure.curves = {Of("steepest descent", SteepestDescent(multiply, start, most), 1),
                   Of("conjugate gradients", conjugate.residuals, 2)};
  return figure;
}

Figure ManyVariablesFigure(const ExactProblem& p, const ExactSolution& s) {
  const bool minimum = s.kind == Kind::kUniqueMinimum || s.kind == Kind::kFlatMinimum;
  const bool maximum = s.kind == Kind::kUniqueMaximum || s.kind == Kind::kFlatMaximum;
  if (!minimum && !maximum) return ProfileFigure(p, s);
  const std::vector<double> a = Doubles(p.a);
  const auto n = static_cast<size_t>(p.n);
  const auto multiply = [&, sign = minimum ? 1.0 : -1.0](const std::vector<double>& x, std::vector<double>& y) {
    for (size_t i = 0; i < n; ++i) {
      double sum = 0;
      for (size_t j = 0; j < n; ++j) sum += a[i * n + j] * x[j];
      y[i] = sign * sum;
    }
  };
  return DescentFigure(multiply, Doubles(p.b), static_cast<double>(n * n));
}

Figure PartsFigure(const std::vector<double>& x, const std::vector<double>& descent,
                   const std::vector<double>& ascent) {
  constexpr size_t kPoints = 2000;
  Figure figure{.title = "The stationary point and the ways out of it", .x_label = "i", .y_label = "part i"};
  int color = 0;
  for (const auto& [name, v] : {std::pair{"stationary point x", &x}, std::pair{"falls along, scaled", &descent},
                                std::pair{"grows along, scaled", &ascent}}) {
    Curve curve{.name = name, .color = color++, .width = color == 1 ? 2.0 : 1.2};
    double most = 0, scale = 1;
    if (v != &x) {  // as large as x, since only its direction counts
      double reach = 0;
      for (const double value : x) reach = std::max(reach, std::abs(value));
      for (const double value : *v) most = std::max(most, std::abs(value));
      scale = most > 0 ? (reach > 0 ? reach : 1) / most : 1;
    }
    const size_t stride = std::max<size_t>(1, v->size() / kPoints);
    for (size_t i = 0; i < v->size(); i += stride)
      curve.points.push_back({static_cast<double>(i + 1), scale * (*v)[i]});
    if (!curve.points.empty()) figure.curves.push_back(curve);
  }
  return figure;
}

}  // namespace tessera::math::quadratic
