#include "tessera/ops/broadcast.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::ops {
namespace {

TEST(Broadcast, RepeatsAxesOfLengthOneAndMissingAxes) {
  const Tensor x = Tensor::From<float>({1, 2}, {2, 1});
  const Tensor y = BroadcastTo(x, {2, 2, 3});
  EXPECT_EQ(y.shape(), (Shape{2, 2, 3}));
  EXPECT_THAT(y.data<float>(), testing::ElementsAre(1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2));
}

TEST(Broadcast, SumToAddsWhatWasRepeated) {
  const Tensor x = Tensor::From<float>({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, {2, 2, 3});
  EXPECT_THAT(SumTo(x, {2, 1}).data<float>(), testing::ElementsAre(1 + 2 + 3 + 7 + 8 + 9, 4 + 5 + 6 + 10 + 11 + 12));
  EXPECT_THAT(SumTo(x, {}).data<float>(), testing::ElementsAre(78));
  EXPECT_EQ(SumTo(x, {2, 2, 3}).shape(), x.shape());
}

TEST(Broadcast, EmptyAxesGiveZeroSums) {
  EXPECT_THAT(SumTo(Tensor::Zeros({0, 2}), {1, 2}).data<float>(), testing::ElementsAre(0, 0));
  EXPECT_EQ(BroadcastTo(Tensor::Zeros({1, 2}), {0, 2}).shape(), (Shape{0, 2}));
}

}  // namespace
}  // namespace tessera::ops
