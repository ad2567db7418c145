#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "tessera/math/plot/figure.h"

namespace tessera::math::plot {
namespace {

// Okabe and Ito's palette, darkened on white and lightened on black where it needs contrast.
constexpr const char* kStyle = R"(<style>
:root{--b:#ffffff;--t:#24292f;--g:#d8dee4;--m:#8c959f;--c0:#0b66c3;--c1:#d1490c;--c2:#0a8560;--c3:#a3489b;--c4:#b07d00;--c5:#3d9fd6}
@media(prefers-color-scheme:dark){:root{--b:#0d1117;--t:#e6edf3;--g:#2b323b;--m:#6e7681;--c0:#58a6ff;--c1:#ff8b52;--c2:#3fbf94;--c3:#e08bd8;--c4:#e3b341;--c5:#79c8f2}}
text{fill:var(--t);font:13px system-ui,"Segoe UI","Helvetica Neue",Arial,sans-serif}
.title{font-size:16px;font-weight:600}.tick{font-size:12px;fill:var(--t)}
.grid{stroke:var(--g);stroke-width:1}.axis{stroke:var(--m);stroke-width:1;fill:none}
</style>
)";
// For renderers without variables and media queries, each element also has a plain attribute, the light colour.
constexpr const char* kLight[] = {"#0b66c3", "#d1490c", "#0a8560", "#a3489b", "#b07d00", "#3d9fd6"};

constexpr double kLeft = 70, kRight = 24, kTop = 46, kBottom = 56;

std::string Escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string Color(const char* what, int color) {
  if (color < 0) return fmt::format("{0}='#24292f' style='{0}:var(--t)'", what);
  return fmt::format("{0}='{1}' style='{0}:var(--c{2})'", what, kLight[color % 6], color % 6);
}

// 0.001 … 99999 as they are, 10^k with a raised exponent, else 1e-7.
std::string TickText(double value, bool logarithmic) {
  if (logarithmic && value > 0 && (value >= 1e4 || value < 1e-2)) {
    const double exponent = std::log10(value);
    if (std::abs(exponent - std::round(exponent)) < 1e-9)
      return fmt::format("10<tspan dy='-5' font-size='9'>{:.0f}</tspan>", exponent);
  }
  return fmt::format("{:g}", value);
}

// A name that pictures on one page do not share: FNV-1a of the title.
std::string ClipName(std::string_view title) {
  uint32_t hash = 2166136261u;
  for (const char c : title) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return fmt::format("clip{:08x}", hash);
}

class Canvas {
 public:
  explicit Canvas(const Figure& figure) : figure_(figure), ranges_(RangesOf(figure)) {
    width_ = figure.width - kLeft - kRight;
    height_ = figure.height - kTop - kBottom;
    if (figure.equal_scales) {
      const double unit =
          std::min(width_ / (ranges_.x.high - ranges_.x.low), height_ / (ranges_.y.high - ranges_.y.low));
      width_ = unit * (ranges_.x.high - ranges_.x.low);
      height_ = unit * (ranges_.y.high - ranges_.y.low);
    }
    total_width_ = figure.equal_scales ? std::max(width_ + kLeft + kRight + 190, 420.0) : figure.width;
    total_height_ = height_ + kTop + kBottom;
  }

  std::string Draw() {
    Open();
    DrawAxes();
    out_ += fmt::format(
        "<clipPath id='{0}'><rect x='{1:.1f}' y='{2:.1f}' width='{3:.1f}' height='{4:.1f}'/></clipPath>\n<g "
        "clip-path='url(#{0})'>\n",
        ClipName(figure_.title), kLeft, kTop, width_, height_);
    for (const Contours& contours : figure_.contours) DrawContours(contours);
    for (const Bars& bars : figure_.bars) DrawBars(bars);
    for (const Shape& shape : figure_.shapes) DrawShape(shape);
    for (const Curve& curve : figure_.curves) DrawCurve(curve);
    for (const Arrow& arrow : figure_.arrows) DrawArrow(arrow);
    out_ += "</g>\n";
    for (const Label& label : figure_.labels)
      out_ += fmt::format("<text x='{:.1f}' y='{:.1f}' {}{}>{}</text>\n", X(label.at.x), Y(label.at.y),
                          Color("fill", label.color), label.centred ? " text-anchor='middle'" : "", Escape(label.text));
    DrawLegend();
    return std::move(out_) + "</svg>\n";
  }

 private:
  const Figure& figure_;
  Ranges ranges_;
  double width_ = 0, height_ = 0, total_width_ = 0, total_height_ = 0;
  std::string out_;

  static double Along(double value, const Range& range, bool logarithmic) {
    if (!logarithmic) return (value - range.low) / (range.high - range.low);
    return std::log(std::max(value, range.low * 1e-3) / range.low) / std::log(range.high / range.low);
  }
  double X(double x) const { return kLeft + width_ * Along(x, ranges_.x, figure_.log_x); }
  double Y(double y) const { return kTop + height_ * (1 - Along(y, ranges_.y, figure_.log_y)); }

  void Open() {
    out_ = fmt::format(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{0:.0f}' height='{1:.0f}' viewBox='0 0 {0:.0f} {1:.0f}' "
        "role='img'>\n<title>{2}</title>\n{3}<rect width='100%' height='100%' fill='#ffffff' style='fill:var(--b)'/>\n",
        total_width_, total_height_, Escape(figure_.title), kStyle);
    out_ += fmt::format("<text class='title' x='{:.1f}' y='28'>{}</text>\n", kLeft, Escape(figure_.title));
  }

  void DrawAxes() {
    if (figure_.x_ticks) DrawXTicks();
    if (figure_.y_ticks) DrawYTicks();
    if (figure_.x_ticks || figure_.y_ticks)
      out_ += fmt::format(
          "<rect class='axis' stroke='#8c959f' fill='none' x='{:.1f}' y='{:.1f}' width='{:.1f}' height='{:.1f}'/>\n",
          kLeft, kTop, width_, height_);
    out_ += fmt::format("<text text-anchor='middle' x='{:.1f}' y='{:.1f}'>{}</text>\n", kLeft + width_ / 2,
                        kTop + height_ + 42, Escape(figure_.x_label));
    out_ += fmt::format("<text text-anchor='middle' transform='translate(16 {:.1f}) rotate(-90)'>{}</text>\n",
                        kTop + height_ / 2, Escape(figure_.y_label));
  }

  void DrawXTicks() {
    for (const double x : Ticks(ranges_.x, std::max(3, static_cast<int>(width_ / 90)), figure_.log_x)) {
      out_ += fmt::format("<line class='grid' stroke='#d8dee4' x1='{0:.1f}' x2='{0:.1f}' y1='{1:.1f}' y2='{2:.1f}'/>",
                          X(x), kTop, kTop + height_);
      out_ += fmt::format("<text class='tick' text-anchor='middle' x='{:.1f}' y='{:.1f}'>{}</text>\n", X(x),
                          kTop + height_ + 18, TickText(x, figure_.log_x));
    }
  }

  void DrawYTicks() {
    for (const double y : Ticks(ranges_.y, std::max(3, static_cast<int>(height_ / 60)), figure_.log_y)) {
      out_ += fmt::format("<line class='grid' stroke='#d8dee4' x1='{0:.1f}' x2='{1:.1f}' y1='{2:.1f}' y2='{2:.1f}'/>",
                          kLeft, kLeft + width_, Y(y));
      out_ += fmt::format("<text class='tick' text-anchor='end' x='{:.1f}' y='{:.1f}'>{}</text>\n", kLeft - 8, Y(y) + 4,
                          TickText(y, figure_.log_y));
    }
  }

  void DrawContours(const Contours& contours) {
    int i = 0;
    for (const double level : ContourLevels(contours)) {
      std::string path;
      for (const auto& [from, to] : LevelLine(contours, level))
        path += fmt::format("M{:.1f} {:.1f}L{:.1f} {:.1f}", X(from.x), Y(from.y), X(to.x), Y(to.y));
      const double shade = 0.25 + 0.6 * ++i / contours.lines;
      out_ += fmt::format("<path d='{}' fill='none' {} stroke-opacity='{:.2f}' stroke-width='1.1'/>\n", path,
                          Color("stroke", 5), shade);
    }
  }

  std::string PointList(const std::vector<Point>& points) const {
    std::string list;
    for (const Point& p : points)
      if (std::isfinite(p.x) && std::isfinite(p.y)) list += fmt::format("{:.1f},{:.1f} ", X(p.x), Y(p.y));
    return list;
  }

  void DrawShape(const Shape& shape) {
    out_ += fmt::format("<polygon points='{}' {} fill-opacity='{:.2f}'>", PointList(shape.corners),
                        Color("fill", shape.color), shape.opacity);
    if (shape.slide_from != 0) {
      const double way = X(shape.slide_from) - X(0);
      out_ += fmt::format(
          "<animateTransform attributeName='transform' type='translate' values='{0:.1f} 0;{0:.1f} 0;0 0;0 0' "
          "keyTimes='0;0.15;0.6;1' dur='7s' repeatCount='indefinite'/>",
          way);
    }
    out_ += "</polygon>\n";
  }

  void DrawBars(const Bars& bars) {
    const double foot = kTop + height_;
    const double zero = figure_.log_y ? foot : std::min(Y(0), foot);
    std::string path;
    for (const Point& p : bars.tops) {
      const double left = X(p.x - bars.width / 2), right = X(p.x + bars.width / 2);
      const double gap = std::min(1.0, 0.08 * (right - left)), top = Y(p.y);
      path += fmt::format("M{:.2f} {:.2f}H{:.2f}V{:.2f}H{:.2f}Z", left + gap, zero, right - gap, top, left + gap);
    }
    out_ += fmt::format("<path d='{}' {} fill-opacity='0.6'/>\n", path, Color("fill", bars.color));
  }

  void DrawCurve(const Curve& curve) {
    out_ += fmt::format("<polyline points='{}' fill='none' {} stroke-width='{:g}' stroke-linejoin='round'{}/>\n",
                        PointList(curve.points), Color("stroke", curve.color), curve.width,
                        curve.dashed ? " stroke-dasharray='6 4'" : "");
    if (!curve.markers) return;
    for (const Point& p : curve.points)
      out_ += fmt::format("<circle cx='{:.1f}' cy='{:.1f}' r='3.2' {}/>\n", X(p.x), Y(p.y), Color("fill", curve.color));
  }

  void DrawArrow(const Arrow& arrow) {
    const double x0 = X(arrow.from.x), y0 = Y(arrow.from.y), x1 = X(arrow.to.x), y1 = Y(arrow.to.y);
    const double length = std::hypot(x1 - x0, y1 - y0);
    if (length < 1) return;
    const double ux = (x1 - x0) / length, uy = (y1 - y0) / length;
    out_ += fmt::format("<line x1='{:.1f}' y1='{:.1f}' x2='{:.1f}' y2='{:.1f}' {} stroke-width='2.4'/>\n", x0, y0,
                        x1 - 8 * ux, y1 - 8 * uy, Color("stroke", arrow.color));
    out_ +=
        fmt::format("<polygon points='{:.1f},{:.1f} {:.1f},{:.1f} {:.1f},{:.1f}' {}/>\n", x1, y1, x1 - 11 * ux - 5 * uy,
                    y1 - 11 * uy + 5 * ux, x1 - 11 * ux + 5 * uy, y1 - 11 * uy - 5 * ux, Color("fill", arrow.color));
  }

  void DrawLegend() {
    struct Entry {
      std::string name;
      int color;
      bool line, dashed;
    };
    std::vector<Entry> entries;
    for (const Shape& shape : figure_.shapes) entries.push_back({shape.name, shape.color, false, false});
    for (const Bars& bars : figure_.bars) entries.push_back({bars.name, bars.color, false, false});
    for (const Curve& curve : figure_.curves) entries.push_back({curve.name, curve.color, true, curve.dashed});
    std::erase_if(entries, [](const Entry& e) { return e.name.empty(); });
    if (entries.empty()) return;
    int64_t longest = 0;  // characters, not bytes
    for (const Entry& e : entries)
      longest = std::max(longest, std::ranges::count_if(e.name, [](char c) { return (c & 0xC0) != 0x80; }));
    const double box = 44 + 7.0 * static_cast<double>(longest);
    const double high = 20.0 * static_cast<double>(entries.size()) + 6;
    const bool at_left = figure_.legend == Corner::kTopLeft || figure_.legend == Corner::kBottomLeft;
    const bool at_foot = figure_.legend == Corner::kBottomLeft || figure_.legend == Corner::kBottomRight;
    const double left = figure_.equal_scales ? kLeft + width_ + 12 : at_left ? kLeft + 10 : kLeft + width_ - box - 8;
    double y = at_foot ? kTop + height_ - high - 10 : kTop + 10;
    out_ += fmt::format(
        "<rect x='{:.1f}' y='{:.1f}' width='{:.1f}' height='{:.1f}' rx='4' fill='#ffffff' style='fill:var(--b)' "
        "fill-opacity='0.85'/>\n",
        left, y, box, high);
    for (const Entry& e : entries) {
      y += 20;
      if (e.line) {
        out_ +=
            fmt::format("<line x1='{:.1f}' x2='{:.1f}' y1='{:.1f}' y2='{:.1f}' {} stroke-width='2'{}/>", left + 8,
                        left + 28, y - 4, y - 4, Color("stroke", e.color), e.dashed ? " stroke-dasharray='6 4'" : "");
      } else {
        out_ += fmt::format("<rect x='{:.1f}' y='{:.1f}' width='20' height='11' {} fill-opacity='0.6'/>", left + 8,
                            y - 10, Color("fill", e.color));
      }
      out_ += fmt::format("<text x='{:.1f}' y='{:.1f}'>{}</text>\n", left + 36, y, Escape(e.name));
    }
  }
};

}  // namespace

std::string RenderSvg(const Figure& figure) { return Canvas(figure).Draw(); }

}  // namespace tessera::math::plot
