// The sizes that encoders are shown, against two published implementations.

#include "tessera/image/smart_resize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tessera/core/json.h"
#include "tessera/weights/safetensors.h"

namespace tessera::image {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

const std::string kData = TESSERA_TEST_DATA;

TEST(SmartResize, FollowsTransformers) {
  const Tensor table = weights::SafetensorsFile::Open(kData + "/image_resize/golden.safetensors").Get("smart_resize");
  for (int64_t i = 0; i < table.dim(0); ++i) {
    const auto row = table.data<int64_t>().subspan(static_cast<size_t>(i * 7), 7);
    const SmartResizeOptions options{.factor = row[2], .min_pixels = row[3], .max_pixels = row[4]};
    SCOPED_TRACE(testing::Message() << row[0] << " x " << row[1]);
    if (row[5] == -1)
      EXPECT_THROW(SmartResize({row[0], row[1]}, options), Error);
    else
      EXPECT_EQ(SmartResize({row[0], row[1]}, options), (ImageSize{row[5], row[6]}));
  }
}

TEST(SmartResize, FollowsTheCodeOfUiTars) {
  std::ifstream lines(kData + "/ui_tars/smart_resize.jsonl");
  int rows = 0;
  for (std::string line; std::getline(lines, line); ++rows) {
    SCOPED_TRACE(line);
    const Json row = ParseJson(line, "smart_resize.jsonl");
    const ImageSize size{row["height"], row["width"]};
    const SmartResizeOptions options{
        .factor = row["factor"], .min_pixels = row["min_pixels"], .max_pixels = row["max_pixels"]};
    if (!row.contains("smart_resize"))
      EXPECT_THROW(SmartResize(size, options), Error);
    else
      EXPECT_EQ(SmartResize(size, options), (ImageSize{row["smart_resize"][0], row["smart_resize"][1]}));
  }
  EXPECT_GT(rows, 10);
}

TEST(SmartResize, HalvesGoToTheEvenMultiple) {
  const SmartResizeOptions any{.factor = 28, .min_pixels = 1, .max_pixels = 1 << 20};
  EXPECT_EQ(SmartResize({42, 70}, any), (ImageSize{56, 56}));  // 1.5 and 2.5 blocks
}

TEST(SmartResize, WhatHasNoSensibleSizeIsRefused) {
  EXPECT_THAT([] { SmartResize({1, 201}, {}); }, ThrowsMessage<Error>(HasSubstr("200 times")));
  EXPECT_THROW(SmartResize({0, 4}, {}), Error);
  EXPECT_THROW(SmartResize({int64_t{1} << 40, int64_t{1} << 40}, {}), Error);
  EXPECT_THROW(SmartResize({9, 9}, {.factor = 0}), Error);
  EXPECT_THROW(SmartResize({9, 9}, {.min_pixels = 10, .max_pixels = 9}), Error);
}

}  // namespace
}  // namespace tessera::image
