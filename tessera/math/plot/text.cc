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
  Dots(int columns, int rows)
      : columns_(columns), rows_(rows), cells_(static_cast<size_t>(columns * rows)), written_(cells_.size()) {}
  void Set(int x, int y) {  // y from the top
    if (x < 0 || y < 0 || x >= 2 * columns_ || y >= 4 * rows_) return;
    cells_[static_cast<size_t>(y / 4 * columns_ + x / 2)] |= kBits[y % 4][x % 2];
  }
  // From character (column, row) on; what does not fit is left out.
  void Write(int column, int row, std::string_view text) {
    if (row < 0 || row >= rows_) return;
    for (size_t at = 0; at < text.size(); ++column) {
      size_t length = 1;
      while (at + length < text.size() && (text[at + length] & 0xC0) == 0x80) ++length;
      if (column >= 0 && column < columns_)
        written_[static_cast<size_t>(row * columns_ + column)] = text.substr(at, length);
      at += length;
    }
  }
  std::string Row(int row) const {
    std::string out;
    for (int c = 0; c < columns_; ++c) {
      if (const std::string& over = written_[static_cast<size_t>(row * columns_ + c)]; !over.empty()) {
        out += over;
        continue;
      }
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
  std::vector<std::string> written_;  // characters that stand over the dots
};

// Whether a point is inside, by the crossings of a ray from it.
bool Inside(const std::vector<Point>& corners, Point at) {
  bool inside = false;
  for (size_t i = 0, before = corners.size() - 1; i < corners.size(); before = i++) {
    const Point &a = corners[i], &b = corners[before];
    if ((a.y > at.y) != (b.y > at.y) && at.x < a.x + (at.y - a.y) / (b.y - a.y) * (b.x - a.x)) inside = !inside;
  }
  return inside;
}

double Along(double value, const Range& range, bool logarithmic) {
  if (!logarithmic) return (value - range.low) / (range.high - range.low);
  return value <= 0 ? -1 : std::log(value / range.low) / std::log(range.high / range.low);
}

class Screen {
 public:
  Screen(const Figure& figure, int columns, int rows)
      : figure_(figure), ranges_(RangesOf(figure)), wide_(Width(columns, rows)), rows_(rows), dots_(wide_, rows) {}

  std::string Draw() {
    for (const Contours& contours : figure_.contours)
      for (const double level : ContourLevels(contours))
        for (const auto& [from, to] : LevelLine(contours, level)) Line(from, to, false);
    for (const Shape& shape : figure_.shapes) Fill(shape);
    for (const Bars& bars : figure_.bars) Draw(bars);
    for (const Curve& curve : figure_.curves)
      for (size_t i = 0; i < curve.points.size() && curve.width > 0; ++i)
        Line(curve.points[i > 0 ? i - 1 : 0], curve.points[i], curve.dashed);
    for (const Arrow& arrow : figure_.arrows) Line(arrow.from, arrow.to, false);
    for (const Label& label : figure_.labels) Write(label);
    return Frame();
  }

 private:
  static constexpr int kMargin = 11;  // the axis' numbers
  const Figure& figure_;
  Ranges ranges_;
  int wide_, rows_;
  Dots dots_;

  int DotsAcross() const { return 2 * wide_; }
  int DotsDown() const { return 4 * rows_; }
  // Characters across. Dots are about as far apart in both directions.
  int Width(int columns, int rows) const {
    const int most = std::max(columns - kMargin, 16);
    if (!figure_.equal_scales) return most;
    const double ratio = (ranges_.x.high - ranges_.x.low) / (ranges_.y.high - ranges_.y.low);
    return static_cast<int>(std::clamp(std::round(ratio * 2 * rows), 16.0, static_cast<double>(most)));
  }
  static int Dot(double along, int dots) {
    constexpr double kFar = 1e4;  // beyond it nothing is seen, and an int holds it
    return static_cast<int>(std::lround(std::clamp(along * (dots - 1), -kFar, kFar)));
  }
  int X(double x) const { return Dot(Along(x, ranges_.x, figure_.log_x), DotsAcross()); }
  int Y(double y) const { return Dot(1 - Along(y, ranges_.y, figure_.log_y), DotsDown()); }

  void Line(const Point& a, const Point& b, bool dashed) {
    if (!std::isfinite(a.x + a.y + b.x + b.y)) return;
    const int x0 = X(a.x), y0 = Y(a.y), x1 = X(b.x), y1 = Y(b.y);
    const int steps = std::max({std::abs(x1 - x0), std::abs(y1 - y0), 1});
    for (int t = 0; t <= steps; ++t)
      if (!dashed || t % 4 <= 1) dots_.Set(x0 + (x1 - x0) * t / steps, y0 + (y1 - y0) * t / steps);
  }

  void Draw(const Bars& bars) {
    const int foot = figure_.log_y ? DotsDown() - 1 : std::min(Y(0), DotsDown() - 1);
    for (const Point& p : bars.tops) {
      const int last = X(p.x + bars.width * 0.46) - (bars.width > 0 ? 1 : 0);
      for (int x = X(p.x - bars.width * 0.46); x <= last || x == X(p.x); ++x)
        for (int y = Y(p.y); y <= foot; ++y) dots_.Set(x, y);
    }
  }

  // Every second dot, so that what lies over it is still seen.
  void Fill(const Shape& shape) {
    std::vector<Point> corners;
    int low = DotsDown(), high = 0;
    for (const Point& p : shape.corners) {
      corners.push_back({static_cast<double>(X(p.x)), static_cast<double>(Y(p.y))});
      low = std::min(low, Y(p.y));
      high = std::max(high, Y(p.y));
    }
    if (corners.empty()) return;
    for (int y = std::max(low, 0); y <= std::min(high, DotsDown() - 1); ++y)
      for (int x = y % 2; x < DotsAcross(); x += 2)
        if (Inside(corners, {x + 0.01, y + 0.01})) dots_.Set(x, y);
  }

  void Write(const Label& label) {
    const auto characters =
        static_cast<int>(std::ranges::count_if(label.text, [](char c) { return (c & 0xC0) != 0x80; }));
    dots_.Write(X(label.at.x) / 2 - (label.centred ? characters / 2 : 0), Y(label.at.y) / 4, label.text);
  }

  std::string Frame() const {
    std::string out = std::string(kMargin, ' ') + figure_.title + "\n";
    for (int row = 0; row < rows_; ++row) {
      const std::string number = !figure_.y_ticks   ? ""
                                 : row == 0         ? fmt::format("{:.4g}", ranges_.y.high)
                                 : row == rows_ - 1 ? fmt::format("{:.4g}", ranges_.y.low)
                                                    : "";
      out += fmt::format("{:>{}} {}", number, kMargin - 2, figure_.y_ticks ? "│" : " ") + dots_.Row(row) + "\n";
    }
    const std::string low = figure_.x_ticks ? fmt::format("{:.4g}", ranges_.x.low) : "",
                      high = figure_.x_ticks ? fmt::format("{:.4g}", ranges_.x.high) : "";
    return out + fmt::format("{:>{}}{:^{}}{}\n", low, kMargin + static_cast<int>(low.size()) - 1, figure_.x_label,
                             std::max(1, wide_ - static_cast<int>(low.size() + high.size())), high);
  }
};

}  // namespace

std::string RenderText(const Figure& figure, int columns, int rows) { return Screen(figure, columns, rows).Draw(); }

}  // namespace tessera::math::plot
