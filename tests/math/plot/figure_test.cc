#include "tessera/math/plot/figure.h"

#include <gmock/gmock.h>

#include <cmath>

namespace tessera::math::plot {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Figure, TicksAreRoundAndInside) {
  EXPECT_EQ(Ticks({-0.1, 10.3}, 5, false), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(Ticks({0.5, 2000}, 4, true), (std::vector<double>{1, 10, 100, 1000}));
}

TEST(Figure, SvgStandsAloneAndEscapesText) {
  Figure figure{.title = "a < b & \"c\"", .x_label = "x", .y_label = "y"};
  figure.curves.push_back({.name = "curve", .points = {{0, 0}, {1, NAN}, {2, 1}}});
  const std::string svg = RenderSvg(figure);
  EXPECT_THAT(svg, HasSubstr("a &lt; b &amp; &quot;c&quot;"));
  EXPECT_THAT(svg, HasSubstr("prefers-color-scheme:dark"));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("http://www.w3.org/1999/xlink")));
}

TEST(Figure, AnEmptyOneAndASinglePointAreDrawn) {
  EXPECT_THAT(RenderSvg({}), HasSubstr("</svg>"));
  Figure one;
  one.bars.push_back({.tops = {{0, 1}}});
  EXPECT_THAT(RenderText(one, 40, 6), HasSubstr("⣿"));
}

TEST(Figure, TextHasShapesContoursAndLabels) {
  Figure figure{.x_ticks = false, .y_ticks = false};
  figure.shapes.push_back({.corners = {{0, 0}, {1, 0}, {1, 1}, {0, 1}}});
  figure.labels.push_back({.at = {0.5, 0.5}, .text = "γ", .centred = true});
  const std::string text = RenderText(figure, 40, 6);
  EXPECT_THAT(text, HasSubstr("γ"));
  EXPECT_THAT(text, HasSubstr("⢕"));
  EXPECT_THAT(text, Not(HasSubstr("│")));
  Figure map{.equal_scales = true};
  map.contours.push_back({.columns = 2, .rows = 2, .z = {0, 1, 1, 2}, .lines = 0});
  const std::string empty = RenderText(map, 40, 6);
  map.contours[0].lines = 1;
  EXPECT_NE(RenderText(map, 40, 6), empty);
}

TEST(Figure, LegendsStandInTheCornerThatWasAskedFor) {
  Figure figure{.legend = Corner::kBottomLeft};
  figure.curves.push_back({.name = "γ", .points = {{0, 0}, {1, 1}}});
  const std::string low = RenderSvg(figure);
  figure.legend = Corner::kTopRight;
  EXPECT_THAT(low, HasSubstr("<rect x='80.0' y='348.0'"));
  EXPECT_THAT(RenderSvg(figure), Not(HasSubstr("<rect x='80.0'")));
}

TEST(Figure, LevelLinesOfACircleHaveItsRadius) {
  Contours c{.x0 = -2, .x1 = 2, .y0 = -2, .y1 = 2, .columns = 81, .rows = 81};
  for (int j = 0; j < 81; ++j)
    for (int i = 0; i < 81; ++i) c.z.push_back(std::hypot(-2 + i * 0.05, -2 + j * 0.05));
  const auto pieces = LevelLine(c, 1.5);
  EXPECT_GT(pieces.size(), 100u);
  for (const auto& [from, to] : pieces) EXPECT_NEAR(std::hypot(from.x, from.y), 1.5, 0.002);
}

}  // namespace
}  // namespace tessera::math::plot
