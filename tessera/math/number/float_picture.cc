#include "tessera/math/number/float_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tessera/math/number/digits.h"

namespace tessera::math {
namespace {

using plot::Figure;
using plot::Point;

// The picture is 100 wide and 10 high.
constexpr double kCellFoot = 7.2, kCellTop = 8.6, kLine = 2.6, kHalf = 34;

void AddCells(Figure& figure, const FloatNumber& x, const FloatFormat& f) {
  struct Field {
    std::string name;
    int first, bits, color;
  };
  const auto field = static_cast<int64_t>(x.exponent);
  const std::string power = x.infinite          ? "all ones"
                            : x.value.is_zero() ? "0"
                            : field == 0        ? fmt::format("2^{}, subnormal", 1 - f.bias())
                                                : fmt::format("2^{}", field - f.bias());
  const Field fields[] = {{"sign", 0, 1, 1},
                          {f.exponent_bits >= 4 ? "exponent: " + power : power, 1, f.exponent_bits, 0},
                          {"fraction", 1 + f.exponent_bits, f.fraction_bits, 2}};
  std::string bits = BitText(x, f);
  std::erase(bits, ' ');
  const double width = std::min(100.0 / f.bits(), 5.0), start = 50 - width * f.bits() / 2, gap = 0.06 * width;
  for (const Field& part : fields) {
    for (int i = part.first; i < part.first + part.bits; ++i) {
      const double left = start + width * i + gap, right = start + width * (i + 1) - gap;
      const bool one = bits[static_cast<size_t>(i)] == '1';
      figure.shapes.push_back({.corners = {{left, kCellFoot}, {right, kCellFoot}, {right, kCellTop}, {left, kCellTop}},
                               .color = part.color,
                               .opacity = one ? 0.55 : 0.16});
      figure.labels.push_back({.at = {(left + right) / 2, (kCellFoot + kCellTop) / 2 - 0.12},
                               .text = std::string(1, bits[static_cast<size_t>(i)]),
                               .centred = true});
    }
    figure.labels.push_back(
        {.at = {start + width * (part.first + part.bits / 2.0), kCellTop + (part.first == 1 ? 0.35 : 0.9)},
         .text = part.name,
         .color = part.color,
         .centred = true});
  }
}

// value, and its neighbours at most kHalf away from the middle.
void AddLine(Figure& figure, const Rational& value, const FloatNumber& x, const FloatFormat& f) {
  const auto below = Neighbour(x, f, -1), above = Neighbour(x, f, 1);
  const auto gap = [&](const auto& next) { return next && !next->infinite ? Abs(next->value - x.value) : Rational(0); };
  const Rational unit = std::max(gap(below), gap(above));
  if (unit.is_zero()) return;
  const auto place = [&](const Rational& y) {
    return 50 + kHalf * std::clamp(((y - x.value) / unit).ToDouble(), -1.35, 1.35);
  };
  const auto tick = [&](const Rational& y, int color, double high) {
    figure.curves.push_back({.points = {{place(y), kLine - high}, {place(y), kLine + high}}, .color = color});
  };
  // As many digits as tell the neighbours apart.
  int64_t digits = 6;
  for (const auto& next : {below, above})
    while (digits < 20 && next && !next->infinite && Digits(next->value, digits) == Digits(x.value, digits)) ++digits;
  const auto text = [&](const Rational& y, double height, int color) {
    figure.labels.push_back({.at = {place(y), height}, .text = Digits(y, digits), .color = color, .centred = true});
  };
  figure.curves.push_back({.points = {{2, kLine}, {98, kLine}}, .color = -1, .width = 1.4});
  // What rounds to it: up to half way to the neighbours.
  const double left = below ? (50 + place(below->value)) / 2 : 2, right = above ? (50 + place(above->value)) / 2 : 98;
  figure.shapes.push_back(
      {.corners = {{left, kLine - 0.5}, {right, kLine - 0.5}, {right, kLine + 0.5}, {left, kLine + 0.5}},
       .color = 2,
       .opacity = 0.2});
  figure.labels.push_back(
      {.at = {50, 0.35}, .text = "what lies in the band becomes this number", .color = 2, .centred = true});
  for (const auto& next : {below, above})
    if (next && !next->infinite) {
      tick(next->value, -1, 0.35);
      text(next->value, kLine - 1.3, -1);
    }
  tick(x.value, 2, 0.6);
  text(x.value, kLine - 1.3, 2);
  const double from = place(value);
  figure.arrows.push_back({.from = {from, kLine + 2.1}, .to = {from, kLine + 0.1}, .color = 1});
  const std::string given = value.ToString();
  figure.labels.push_back(
      {.at = {from, kLine + 2.4}, .text = given.size() <= 24 ? given : Digits(value, 16), .color = 1, .centred = true});
}

}  // namespace

Figure FloatFigure(const Rational& value, const FloatNumber& x, const FloatFormat& f) {
  Figure figure{
      .title = fmt::format("{} as {}", value.ToString().size() <= 40 ? value.ToString() : Digits(value, 20), f.name),
      .x_ticks = false,
      .y_ticks = false,
      .height = 380};
  figure.curves.push_back({.points = {{0, 0}, {100, 10}}, .width = 0});  // the whole picture
  AddCells(figure, x, f);
  if (x.infinite) {
    figure.labels.push_back({.at = {50, kLine},
                             .text = fmt::format("beyond {}, the largest of {}", Digits(LargestOf(f), 8), f.name),
                             .centred = true});
  } else {
    AddLine(figure, value, x, f);
  }
  return figure;
}

Figure SpacingFigure() {
  constexpr int kShown = 190;  // binades to each side: 10^±57
  Figure figure{.title = "How far apart the numbers of each format are",
                .x_label = "size of the number (fp64 goes on to 10^±308)",
                .y_label = "distance to the next / number",
                .log_x = true,
                .log_y = true,
                .height = 480};
  int color = 0;
  for (const FloatFormat& f : FloatFormats()) {
    plot::Curve curve{.name = std::string(f.name), .color = color++, .width = 1.6};
    const double largest = LargestOf(f).ToDouble(), least = SmallestOf(f).ToDouble();
    const int low = 1 - f.bias();
    if (low > -kShown) curve.points.push_back({least, 1});  // subnormals: one distance for all
    for (int e = std::max(low, -kShown); e <= kShown && std::ldexp(1.0, e) <= largest; ++e) {
      const double first = std::ldexp(1.0, e), step = std::ldexp(1.0, e - f.fraction_bits);
      const double last = std::min(2 * first - step, largest);
      curve.points.push_back({first, step / first});
      curve.points.push_back({last, step / last});
    }
    if (std::ldexp(1.0, kShown) > largest) curve.points.push_back({largest, 1});
    figure.curves.push_back(curve);
  }
  return figure;
}

}  // namespace tessera::math
