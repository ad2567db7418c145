#include "tessera/core/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace tessera {
namespace {

TEST(Tensor, SliceAndTransposeShareStorage) {
  const Tensor x = Tensor::From<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_EQ(x.Slice(0, 1, 2).data<float>()[0], 4);
  const Tensor t = x.Transpose(0, 1);
  EXPECT_EQ(t.shape(), (Shape{3, 2}));
  EXPECT_FALSE(t.contiguous());
  const Tensor c = t.Contiguous();
  EXPECT_EQ(std::vector<float>(c.data<float>().begin(), c.data<float>().end()), (std::vector<float>{1, 4, 2, 5, 3, 6}));
}

TEST(Tensor, AskingForAnotherTypeNamesBothTypes) {
  try {
    Tensor::Zeros({2}).data<double>();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "tensor: asked for f64 values but the dtype is f32");
  }
}

TEST(Tensor, BlockFormatsNeedWholeBlocks) { EXPECT_THROW(Tensor::Empty({2, 33}, DType::kQ4_0), Error); }

TEST(Tensor, WholeNumbersAreTheNearestThatFit) {
  const Tensor x = Tensor::From<float>({1.9f, -1.9f, 128, -129, 1e30f, -1e30f, NAN, INFINITY}, {8});
  EXPECT_THAT(x.To(DType::kI8).data<int8_t>(), testing::ElementsAre(1, -1, 127, -128, 127, -128, 0, 127));
  EXPECT_THAT(x.To(DType::kU8).data<uint8_t>(), testing::ElementsAre(1, 0, 128, 0, 255, 0, 0, 255));
  EXPECT_THAT(x.To(DType::kI64).data<int64_t>(),
              testing::ElementsAre(1, -1, 128, -129, INT64_MAX, INT64_MIN, 0, INT64_MAX));
}

TEST(Shape, RefusesProductsThatOverflow) {
  EXPECT_THROW((Shape{int64_t{1} << 40, int64_t{1} << 40}), Error);
  // Nothing is in it, but its strides would overflow.
  EXPECT_THROW((Shape{0, int64_t{1} << 40, int64_t{1} << 40}), Error);
  EXPECT_EQ((Shape{int64_t{1} << 40, 0, 3}).numel(), 0);
}

TEST(Float16, EveryFiniteValueSurvivesTheRoundTrip) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = Float16::ToFloat(static_cast<uint16_t>(bits));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(Float16::ToFloat(Float16::FromFloat(value))));
    } else {
      ASSERT_EQ(Float16::FromFloat(value), bits);
    }
  }
}

TEST(Float16, RoundsHalfToEvenAndOverflowsToInfinity) {
  EXPECT_EQ(static_cast<float>(Float16(2049.0f)), 2048.0f);
  EXPECT_EQ(static_cast<float>(Float16(2051.0f)), 2052.0f);
  EXPECT_EQ(static_cast<float>(Float16(65519.0f)), 65504.0f);
  EXPECT_EQ(static_cast<float>(Float16(65520.0f)), std::numeric_limits<float>::infinity());
  EXPECT_EQ(static_cast<float>(Float16(0x1p-25f)), 0.0f);
  EXPECT_EQ(static_cast<float>(Float16(0x1.8p-25f)), 0x1p-24f);
}

TEST(BFloat16, RoundsHalfToEvenAndKeepsNan) {
  EXPECT_EQ(static_cast<float>(BFloat16(1.0f + 0x1p-8f)), 1.0f);
  EXPECT_EQ(static_cast<float>(BFloat16(1.0f + 0x1.8p-7f)), 1.0f + 0x1p-6f);
  EXPECT_TRUE(std::isnan(static_cast<float>(BFloat16(std::numeric_limits<float>::quiet_NaN()))));
}

}  // namespace
}  // namespace tessera
