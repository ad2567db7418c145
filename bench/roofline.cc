#include "bench/roofline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace tessera::bench {
namespace {

// The picture's axes: x is operations a byte, y operations a second, in decades.
constexpr double kLeft = 70, kTop = 30, kWidth = 640, kHeight = 400;
constexpr double kLowX = -1, kHighX = 3.5, kLowY = 9, kHighY = 12.5;

double X(double value) { return kLeft + kWidth * (std::log10(value) - kLowX) / (kHighX - kLowX); }
double Y(double value) { return kTop + kHeight * (kHighY - std::log10(value)) / (kHighY - kLowY); }

std::string Axes() {
  std::string svg;
  for (int decade = static_cast<int>(std::ceil(kLowX)); decade <= kHighX; ++decade) {
    const double x = X(std::pow(10, decade));
    svg += fmt::format("<line x1='{0:.1f}' x2='{0:.1f}' y1='{1}' y2='{2}' stroke='#ddd'/>\n", x, kTop, kTop + kHeight);
    svg += fmt::format("<text x='{:.1f}' y='{}' text-anchor='middle'>{:g}</text>\n", x, kTop + kHeight + 18,
                       std::pow(10, decade));
  }
  for (int decade = static_cast<int>(std::ceil(kLowY)); decade <= kHighY; ++decade) {
    const double y = Y(std::pow(10, decade));
    svg += fmt::format("<line x1='{0}' x2='{1}' y1='{2:.1f}' y2='{2:.1f}' stroke='#ddd'/>\n", kLeft, kLeft + kWidth, y);
    svg += fmt::format("<text x='{}' y='{:.1f}' text-anchor='end'>{:g}</text>\n", kLeft - 8, y + 4,
                       std::pow(10, decade - 9));
  }
  svg += fmt::format("<text x='{}' y='{}' text-anchor='middle'>operations a byte of memory traffic</text>\n",
                     kLeft + kWidth / 2, kTop + kHeight + 40);
  svg += fmt::format("<text x='{}' y='{}'>Gop/s</text>\n", 12, kTop - 10);
  return svg;
}

std::string Roofs(double bytes_per_second, const std::vector<Roof>& roofs) {
  std::string svg;
  double highest = 0;
  for (const Roof& roof : roofs) {
    highest = std::max(highest, roof.operations_per_second);
    const double corner = roof.operations_per_second / bytes_per_second, y = Y(roof.operations_per_second);
    svg += fmt::format("<line x1='{:.1f}' x2='{}' y1='{:.1f}' y2='{:.1f}' stroke='#333' stroke-width='2'/>\n",
                       X(corner), kLeft + kWidth, y, y);
    svg += fmt::format("<text x='{}' y='{:.1f}' text-anchor='end'>{}: {:.0f} Gop/s</text>\n", kLeft + kWidth - 4, y - 5,
                       roof.name, roof.operations_per_second * 1e-9);
  }
  const double from = std::pow(10, kLowX), to = highest / bytes_per_second;
  const double begin = std::max(from, std::pow(10, kLowY) / bytes_per_second);
  svg += fmt::format("<line x1='{:.1f}' y1='{:.1f}' x2='{:.1f}' y2='{:.1f}' stroke='#333' stroke-width='2'/>\n",
                     X(begin), Y(begin * bytes_per_second), X(to), Y(highest));
  return svg + fmt::format("<text x='{:.1f}' y='{:.1f}'>memory: {:.1f} GB/s</text>\n", X(begin) + 6,
                           Y(begin * bytes_per_second) - 60, bytes_per_second * 1e-9);
}

}  // namespace

std::string DrawRoofline(double bytes_per_second, const std::vector<Roof>& roofs,
                         const std::vector<RooflinePoint>& points) {
  std::string svg =
      "<svg xmlns='http://www.w3.org/2000/svg' width='1060' height='490' font-family='sans-serif' font-size='12'>\n"
      "<rect width='1060' height='490' fill='white'/>\n";
  svg += Axes() + Roofs(bytes_per_second, roofs);
  int number = 0;
  for (const RooflinePoint& point : points) {
    const double x = X(point.operations_per_byte), y = Y(point.operations_per_second);
    ++number;
    svg += fmt::format("<circle cx='{:.1f}' cy='{:.1f}' r='4' fill='#2060a0'/>\n", x, y);
    svg += fmt::format("<text x='{:.1f}' y='{:.1f}' fill='#2060a0'>{}</text>\n", x + 6, y + 4, number);
    svg += fmt::format("<text x='{}' y='{}' font-size='11'>{}  {}</text>\n", kLeft + kWidth + 20, kTop + 15 * number,
                       number, point.name);
  }
  return svg + "</svg>\n";
}

}  // namespace tessera::bench
