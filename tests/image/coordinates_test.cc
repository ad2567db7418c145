// Points that models name, against the code that UI-TARS publishes.

#include "tessera/image/coordinates.h"

#include <gtest/gtest.h>

#include <fstream>
#include <regex>

#include "tessera/core/json.h"
#include "tessera/image/smart_resize.h"

namespace tessera::image {
namespace {

TEST(Coordinates, ThousandthsAndFractionsAreOfTheOriginalAndPixelsOfTheEncodedPicture) {
  const SeenImage seen{.original = {1080, 1920}, .encoded = {1092, 1932}};
  const Point middle = ToOriginal({500, 500}, seen, PointConvention::kThousandths);
  EXPECT_EQ(middle.x, 960);
  EXPECT_EQ(middle.y, 540);
  const Point corner = ToOriginal({1932, 1092}, seen, PointConvention::kEncoderPixels);
  EXPECT_EQ(corner.x, 1920);
  EXPECT_EQ(corner.y, 1080);
  const Point fraction = ToOriginal({0.25, 0.5}, seen, PointConvention::kFractions);
  EXPECT_EQ(fraction.x, 480);
  EXPECT_EQ(fraction.y, 540);
  EXPECT_THROW(ToOriginal({1, 1}, {}, PointConvention::kThousandths), Error);
}

// Every answer of the reference whose first point is plainly written "(x,y)": the point as the answer has it, and the
// fraction of the picture that the reference reads from it.
TEST(Coordinates, FollowTheCodeOfUiTars) {
  std::ifstream lines(std::string(TESSERA_TEST_DATA) + "/ui_tars/actions.jsonl");
  const std::regex point(R"(start_box='(?:<\|box_start\|>)?\(\s*(\d+)\s*,\s*(\d+)\s*\))");
  int thousandths = 0, pixels = 0;
  for (std::string line; std::getline(lines, line);) {
    SCOPED_TRACE(line);
    const Json row = ParseJson(line, "actions.jsonl");
    const std::string text = row["text"];
    std::smatch found;
    if (!row.contains("actions") || row["actions"].size() != 1 || !std::regex_search(text, found, point)) continue;
    const Json& boxes = row["actions"][0].value("boxes", Json::object());
    if (!boxes.contains("start_box") || boxes["start_box"].size() != 4) continue;
    const ImageSize original{row["image_height"], row["image_width"]};
    SmartResizeOptions options{.factor = 28, .min_pixels = 100 * 28 * 28, .max_pixels = 16384 * 28 * 28};
    options.min_pixels = row.value("min_pixels", options.min_pixels);
    options.max_pixels = row.value("max_pixels", options.max_pixels);
    const bool relative = row["coordinates"] == "relative";
    if (relative && row["factor"] != 1000) continue;
    const SeenImage seen{.original = original, .encoded = SmartResize(original, options)};
    const Point p = ToOriginal({std::stod(found[1]), std::stod(found[2])}, seen,
                               relative ? PointConvention::kThousandths : PointConvention::kEncoderPixels);
    EXPECT_NEAR(p.x, boxes["start_box"][0].get<double>() * static_cast<double>(original.width), 1e-9);
    EXPECT_NEAR(p.y, boxes["start_box"][1].get<double>() * static_cast<double>(original.height), 1e-9);
    ++(relative ? thousandths : pixels);
  }
  EXPECT_GE(thousandths, 3);
  EXPECT_GE(pixels, 5);
}

}  // namespace
}  // namespace tessera::image
