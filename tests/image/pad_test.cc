#include "tessera/image/pad.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace tessera::image {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

// Pixel (y, x) is (10 y + x) in each colour.
Tensor Numbered(int64_t height, int64_t width, int64_t channels = 3) {
  Tensor picture = Tensor::Empty({height, width, channels}, DType::kU8);
  auto out = picture.mutable_data<uint8_t>();
  for (size_t i = 0; i < out.size(); ++i) {
    const auto pixel = static_cast<int64_t>(i) / channels;
    out[i] = static_cast<uint8_t>(10 * (pixel / width) + pixel % width);
  }
  return picture;
}

std::vector<int> Reds(const Tensor& picture) {
  std::vector<int> reds;
  const auto values = picture.data<uint8_t>();
  for (size_t i = 0; i < values.size(); i += static_cast<size_t>(picture.dim(2))) reds.push_back(values[i]);
  return reds;
}

TEST(PadBlack, FillsTheRightAndTheLowerSide) {
  EXPECT_THAT(Reds(PadBlack(Numbered(2, 2), {3, 4})), ElementsAre(0, 1, 0, 0, 10, 11, 0, 0, 0, 0, 0, 0));
  const Tensor whole = Numbered(2, 2);
  EXPECT_EQ(PadBlack(whole, {2, 2}).raw(), whole.raw());
  EXPECT_EQ(PadBlack(Numbered(1, 1, 4), {1, 2}).data<uint8_t>()[7], 255);
  EXPECT_THAT([&] { PadBlack(whole, {2, 1}); }, ThrowsMessage<Error>(HasSubstr("do not fit into 1 x 2")));
}

TEST(CropMiddle, HalvesOfAPixelGoToTheEvenSide) {
  EXPECT_THAT(Reds(CropMiddle(Numbered(3, 5), {1, 3})), ElementsAre(11, 12, 13));
  EXPECT_THAT(Reds(CropMiddle(Numbered(1, 4), {1, 3})), ElementsAre(0, 1, 2)) << "1/2 rounds to 0";
  EXPECT_THAT(Reds(CropMiddle(Numbered(1, 6), {1, 3})), ElementsAre(2, 3, 4)) << "3/2 rounds to 2";
  EXPECT_THAT([&] { CropMiddle(Numbered(2, 2), {3, 1}); }, ThrowsMessage<Error>(HasSubstr("no part of 2 x 2")));
  EXPECT_THROW(CropMiddle(Numbered(2, 2), {0, 1}), Error);
}

}  // namespace
}  // namespace tessera::image
