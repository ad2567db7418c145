#include "tessera/math/harmonic/picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tessera/math/harmonic/harmonic.h"

namespace tessera::math::harmonic {
namespace {

using plot::Curve;
using plot::Figure;

constexpr int kSamples = 200;

// log10 of a whole number of any size.
double DecimalLog(const Integer& n) {
  if (n.sign() <= 0) return 0;
  slong exponent = 0;
  const double part = fmpz_get_d_2exp(&exponent, n.raw());
  return (std::log2(part) + static_cast<double>(exponent)) * std::numbers::ln2 / std::numbers::ln10;
}

double Harmonic(double log10_n) {  // to what a picture shows
  const double n = std::pow(10, log10_n);
  if (n > 1e4) return log10_n * std::numbers::ln10 + std::numbers::egamma;
  double sum = 0;
  for (int k = 1; k <= static_cast<int>(n + 1e-9); ++k) sum += 1.0 / k;
  return sum;
}

}  // namespace

Figure ThresholdFigure(const Rational& x, const Integer& n) {
  const double height = x.ToDouble(), crossing = DecimalLog(n), last = std::max(1.0, 1.25 * crossing);
  const bool fits = last < 300;
  const auto place = [&](double log10_n) { return fits ? std::pow(10, log10_n) : log10_n; };
  Figure figure{
      .title = "The least n with H_n > " + (x.ToString().size() < 24 ? x.ToString() : fmt::format("{:.8g}", height)),
      .x_label = fits ? "n" : "log10 n",
      .y_label = "H_n",
      .log_x = fits,
      .legend = plot::Corner::kTopLeft};
  Curve sum{.name = "H_n"}, limit{.name = "ln n + γ", .color = 1, .dashed = true};
  if (crossing < 2) {  // few steps are drawn as steps
    double h = 0;
    for (int k = 1; k <= static_cast<int>(place(last)); ++k) {
      if (k > 1) sum.points.push_back({static_cast<double>(k), h});
      h += 1.0 / k;
      sum.points.push_back({static_cast<double>(k), h});
    }
  }
  for (int i = 0; i <= kSamples; ++i) {
    const double log10_n = last * i / kSamples;
    if (crossing >= 2) sum.points.push_back({place(log10_n), Harmonic(log10_n)});
    limit.points.push_back({place(log10_n), log10_n * std::numbers::ln10 + std::numbers::egamma});
  }
  const double at = place(crossing);
  figure.curves = {sum,
                   limit,
                   {.points = {{place(0), height}, {place(last), height}}, .color = 3, .dashed = true, .width = 1.4},
                   {.name = n.bits() < 60 ? "n = " + n.ToString() : fmt::format("n ≈ 10^{:.6g}", crossing),
                    .points = {{at, 0}, {at, Harmonic(crossing)}},
                    .color = 3,
                    .markers = true}};
  return figure;
}

Figure ExpansionFigure() {
  constexpr int64_t kPrecision = 400;
  Figure figure{.title = "What each term of the expansion leaves to H_n",
                .x_label = "n",
                .y_label = "error",
                .log_x = true,
                .log_y = true,
                .legend = plot::Corner::kBottomLeft};
  const char* names[] = {"ln n + γ", "+ 1/(2n)", "− 1/(12n²)", "+ 1/(120n⁴)"};
  for (int kind = 0; kind < 4; ++kind) {
    Curve curve{.name = names[kind], .color = kind};
    int64_t before = 0;
    for (int i = 0; i <= 60; ++i) {
      const auto n = static_cast<int64_t>(std::llround(std::pow(10, i / 10.0)));
      if (n == before) continue;
      before = n;
      Ball rest = Enclose(n, kPrecision);
      if (kind == 0) {
        Ball gamma;
        const Ball log = Count(n).Log(kPrecision);
        arb_const_euler(gamma.raw(), kPrecision);
        arb_sub(rest.raw(), rest.raw(), log.raw(), kPrecision);
        arb_sub(rest.raw(), rest.raw(), gamma.raw(), kPrecision);
      } else {
        const Expansion expansion = Expand(n, kind - 1, kPrecision);
        arb_sub(rest.raw(), rest.raw(), expansion.value.raw(), kPrecision);
      }
      const double error = std::abs(rest.ToDouble());
      if (error > 0) curve.points.push_back({static_cast<double>(n), error});
    }
    figure.curves.push_back(curve);
  }
  return figure;
}

}  // namespace tessera::math::harmonic
