#include "tessera/ops/upsample.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ops/check_derivatives.h"

namespace tessera::ops {
namespace {

TEST(Upsample, Derivatives) {
  for (const int64_t factor : {1, 2, 3})
    CheckDerivatives([&](const std::vector<Tensor>& in) { return UpsampleNearest(in[0], factor); },
                     {Normal({2, 2, 3, 2})});
}

TEST(Upsample, EveryPixelBecomesASquare) {
  const Tensor x = Tensor::From<float>({1, 2, 3, 4}, {2, 1, 2, 1}), y = UpsampleNearest(x, 2);
  EXPECT_EQ(y.shape(), (Shape{2, 2, 4, 1}));
  EXPECT_THAT(y.data<float>(), testing::ElementsAre(1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4));
}

TEST(Upsample, WhatIsNoPictureIsRefused) {
  EXPECT_THAT(
      [] {
        UpsampleNearest(Tensor::Zeros({2, 2}), 2);
      },
      testing::ThrowsMessage<Error>(testing::HasSubstr("upsample: x [2, 2] must be [B, H, W, C]")));
  EXPECT_THAT(
      [] {
        UpsampleNearest(Tensor::Zeros({1, 2, 2, 1}), 0);
      },
      testing::ThrowsMessage<Error>(testing::HasSubstr("upsample: a factor of 0")));
}

}  // namespace
}  // namespace tessera::ops
