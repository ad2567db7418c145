#include "tessera/ops/nearest_code.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tessera/ops/differentiable.h"

namespace tessera::ops {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(NearestCode, ChoosesTheNearestAndStopsGradients) {
  const Tensor codes = Variable(Tensor::From<float>({0, 0, 10, 0, 0, 10}, {3, 2}));
  const Tensor z = Variable(Tensor::From<float>({9, 1, 1, 6, 1, 1, 5, 0}, {4, 2}));
  const Tensor ids = NearestCode(z, codes);
  EXPECT_THAT(ids.data<int64_t>(), testing::ElementsAre(1, 2, 0, 0));
  EXPECT_FALSE(Tracked(ids));
}

TEST(NearestCode, WhatHasNoNearestCodeIsRefused) {
  const Tensor codes = Tensor::Zeros({3, 2});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(
      [&] {
        NearestCode(Tensor::From<float>({0, 0, nan, 0}, {2, 2}), codes);
      },
      ThrowsMessage<Error>(HasSubstr("nearest_code: row 1 of z is at no finite distance")));
  EXPECT_THAT(
      [&] {
        NearestCode(Tensor::Zeros({2, 3}), codes);
      },
      ThrowsMessage<Error>(HasSubstr("must be [P, D] and [N, D]")));
}

}  // namespace
}  // namespace tessera::ops
