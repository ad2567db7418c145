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
