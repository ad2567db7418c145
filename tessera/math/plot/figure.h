#pragma once
// Pictures as data: axes and what is drawn in them. RenderSvg writes a file that stands alone and suits light and dark
// pages; RenderText draws in a terminal. Everything is in the coordinates of the axes.

#include <string>
#include <vector>

namespace tessera::math::plot {

struct Point {
  double x = 0, y = 0;
};

// Colours are numbers of a palette, 0 … 5, that stays distinct in greys and for colour-blind eyes; -1 is the text's
// own.
struct Curve {
  std::string name;  // in the legend; empty: not there
  std::vector<Point> points;
  int color = 0;
  bool dashed = false, markers = false;
  double width = 2;  // 0: not drawn, only makes room
};

struct Bars {
  std::string name;
  std::vector<Point> tops;  // from the axis y = 0, or the lower edge where y is logarithmic
  double width = 1;         // in units of x
  int color = 0;
};

struct Shape {  // a filled polygon
  std::string name;
  std::vector<Point> corners;
  int color = 0;
  double opacity = 0.35;
  double slide_from = 0;  // in units of x: in a browser the shape comes sliding from this far; elsewhere it is in place
};

struct Arrow {
  Point from, to;
  int color = 0;
};

struct Label {
  Point at;
  std::string text;
  int color = -1;
  bool centred = false;  // else it begins there
};

// z(x, y) on a grid of columns × rows points, row by row from y0; drawn as lines of equal height.
struct Contours {
  double x0 = 0, x1 = 1, y0 = 0, y1 = 1;
  int columns = 0, rows = 0;
  std::vector<double> z;  // NaN where there is no value
  int lines = 14;
};

enum class Corner { kTopRight, kTopLeft, kBottomRight, kBottomLeft };

struct Figure {
  std::string title, x_label, y_label;
  std::vector<Contours> contours;
  std::vector<Shape> shapes;
  std::vector<Bars> bars;
  std::vector<Curve> curves;
  std::vector<Arrow> arrows;
  std::vector<Label> labels;
  bool log_x = false, log_y = false;
  bool equal_scales = false;            // a unit of x is as long as a unit of y
  bool x_ticks = true, y_ticks = true;  // numbers and lines of the grid; with neither of them no frame is drawn
  Corner legend = Corner::kTopRight;
  int width = 720, height = 440;
};

// The range of an axis: what is drawn, widened to something round.
struct Range {
  double low = 0, high = 1;
};
struct Ranges {
  Range x, y;
};
Ranges RangesOf(const Figure& figure);
// Round numbers within the range, about `wanted` of them; powers of ten for a logarithmic axis.
std::vector<double> Ticks(const Range& range, int wanted, bool logarithmic);

std::string RenderSvg(const Figure& figure);
// The heights at which lines of equal height are drawn, rising: at equal shares of the area, so that steep and flat
// places both show.
std::vector<double> ContourLevels(const Contours& contours);
// `columns` × `rows` characters of braille, labels over them; lines end in "\n".
std::string RenderText(const Figure& figure, int columns, int rows);

// The pieces of the line z = level, by marching squares with linear interpolation.
std::vector<std::pair<Point, Point>> LevelLine(const Contours& contours, double level);

}  // namespace tessera::math::plot
