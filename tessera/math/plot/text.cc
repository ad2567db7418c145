#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tessera/math/plot/figure.h"

namespace tessera::math::plot {
namespace {

// A character holds 2 × 4 dots of braille, whose bits U+2800 + b numbers column by column, the lowest row apart.
constexpr int kBits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};

void AppendBraille(std::string& out, int bits) {
  const unsigned code = 0x2800 + static_cast<unsigned>(bits);
  out += static_cast<char>(0xE0 | code >> 12);
  out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
  out += static_cast<char>(0x80 | (code & 0x3F));
}

class Dots {
 public:
  Dots(int columns, int rows) : columns_(columns), rows_(rows), cells_(static_cast<size_t>(columns * rows)) {}
  void Set(int x, int y) {  // y from the top
    if (x < 0 || y < 0 || x >= 2 * columns_ || y >= 4 * rows_) return;
    cells_[static_cast<size_t>(y / 4 * columns_ + x / 2)] |= kBits[y % 4][x % 2];
  }
  std::string Row(int row) const {
    std::string out;
    for (int c = 0; c < columns_; ++c) {
      const int bits = cells_[static_cast<size_t>(row * columns_ + c)];
      if (bits == 0) {
        out += ' ';
      } else {
        AppendBraille(out, bits);
      }
    }
    return out;
  }

 private:
  int columns_, rows_;
  std::vector<int> cells_;
};

double Along(double value, const Range& range, bool logarithmic) {
  if (!logarithmic) return (value - range.low) / (range.high - range.low);
  return value <= 0 ? -1 : std::log(value / range.low) / std::log(range.high / range.low);
}

}  // namespace

std::string RenderText(const Figure& figure, int columns, int rows) {
  const Ranges ranges = RangesOf(figure);
  constexpr int kMargin = 11;  // the axis' numbers
  const int wide = std::max(columns - kMargin, 16), dots_x = 2 * wide, dots_y = 4 * rows;
  Dots dots(wide, rows);
  const auto x_of = [&](double x) {
    return static_cast<int>(std::lround(Along(x, ranges.x, figure.log_x) * (dots_x - 1)));
  };
  const auto y_of = [&](double y) {
    return static_cast<int>(std::lround((1 - Along(y, ranges.y, figure.log_y)) * (dots_y - 1)));
  };
  for (const Bars& bars : figure.bars)
    for (const Point& p : bars.tops) {
      const int foot = figure.log_y ? dots_y - 1 : std::min(y_of(0), dots_y - 1);
      for (int x = x_of(p.x - bars.width * 0.46);
           x <= x_of(p.x + bars.width * 0.46) - (bars.width > 0 ? 1 : 0) || x == x_of(p.x); ++x)
        for (int y = y_of(p.y); y <= foot; ++y) dots.Set(x, y);
    }
  for (const Curve& curve : figure.curves)
    for (size_t i = 0; i < curve.points.size(); ++i) {
      const Point& a = curve.points[i > 0 ? i - 1 : 0];
      const Point& b = curve.points[i];
      if (!std::isfinite(a.x + a.y + b.x + b.y)) continue;
      const int x0 = x_of(a.x), y0 = y_of(a.y), x1 = x_of(b.x), y1 = y_of(b.y);
      const int steps = std::min(std::max({std::abs(x1 - x0), std::abs(y1 - y0), 1}), 4 * (dots_x + dots_y));
      for (int t = 0; t <= steps; ++t) {
        if (curve.dashed && t % 4 > 1) continue;
        dots.Set(x0 + (x1 - x0) * t / steps, y0 + (y1 - y0) * t / steps);
      }
    }
  std::string out = std::string(kMargin, ' ') + figure.title + "\n";
  for (int row = 0; row < rows; ++row) {
    const bool first = row == 0, last = row == rows - 1;
    const std::string number = first  ? fmt::format("{:.4g}", ranges.y.high)
                               : last ? fmt::format("{:.4g}", ranges.y.low)
                                      : "";
    out += fmt::format("{:>{}} │", number, kMargin - 2) + dots.Row(row) + "\n";
  }
  const std::string low = fmt::format("{:.4g}", ranges.x.low), high = fmt::format("{:.4g}", ranges.x.high);
  out += fmt::format("{:>{}}{:^{}}{}\n", low, kMargin + static_cast<int>(low.size()) - 1, figure.x_label,
                     std::max(1, wide - static_cast<int>(low.size() + high.size())), high);
  return out;
}

}  // namespace tessera::math::plot
