// The order of patches and of the values inside them.

#include "tessera/image/patches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::image {
namespace {

// A picture whose pixel (y, x) holds y in red, x in green and `blue` in blue.
Tensor Places(int64_t height, int64_t width, uint8_t blue) {
  std::vector<uint8_t> pixels;
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x)
      pixels.insert(pixels.end(), {static_cast<uint8_t>(y), static_cast<uint8_t>(x), blue});
  return Tensor::From<uint8_t>(pixels, {height, width, 3});
}

TEST(Patches, BlocksStandTogetherAndAPatchGoesByColourFrameAndPlace) {
  const PatchOptions options{.patch = 3, .merge = 2, .frames = 2};
  const Tensor frames[] = {Places(12, 18, 100), Places(12, 18, 101), Places(12, 18, 102)};
  const Tensor patches = MergedPatches(frames, options);
  const PatchGrid grid = GridOf({12, 18}, 3, options);
  EXPECT_EQ(grid, (PatchGrid{2, 4, 6}));
  ASSERT_EQ(patches.shape(), (Shape{48, 54}));
  size_t row = 0;
  for (int64_t t = 0; t < 2; ++t)
    for (int64_t by = 0; by < 2; ++by)
      for (int64_t bx = 0; bx < 3; ++bx)
        for (int64_t iy = 0; iy < 2; ++iy)
          for (int64_t ix = 0; ix < 2; ++ix, ++row) {
            const auto value = [&](int64_t colour, int64_t frame, int64_t y, int64_t x) {
              const auto place = static_cast<size_t>((colour * 2 + frame) * 9 + y * 3 + x);
              return std::lround(patches.data<float>()[row * 54 + place] * 255);
            };
            EXPECT_EQ(value(0, 0, 2, 1), (by * 2 + iy) * 3 + 2);
            EXPECT_EQ(value(1, 1, 2, 1), (bx * 2 + ix) * 3 + 1);
            EXPECT_EQ(value(2, 0, 0, 0), 100 + 2 * t);
            EXPECT_EQ(value(2, 1, 0, 0), t == 0 ? 101 : 102) << "the last frame is repeated";
          }
}

TEST(Patches, ValuesAreNormalisedByColour) {
  const Tensor picture[] = {Tensor::Full({2, 2, 3}, 51, DType::kU8)};
  const Tensor patches =
      MergedPatches(picture, {.patch = 1, .merge = 2, .frames = 1, .mean = {0, 0.2, 0.5}, .std = {1, 1, 0.5}});
  EXPECT_THAT(patches.data<float>().first(3),
              testing::ElementsAre(testing::FloatEq(0.2f), testing::FloatNear(0, 1e-7f), testing::FloatEq(-0.6f)));
}

TEST(Patches, SizesThatDoNotFitAreRefused) {
  const Tensor frames[] = {Places(4, 4, 0), Places(4, 8, 0)};
  EXPECT_THROW(MergedPatches({}, {.patch = 2}), Error);
  EXPECT_THROW(MergedPatches(frames, {.patch = 2}), Error);
  EXPECT_THROW(MergedPatches(std::span(frames).first(1), {.patch = 3}), Error);
}

}  // namespace
}  // namespace tessera::image
