#include "tessera/kernels/broadcast.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"

namespace tessera::kernels {
namespace {

TEST(BroadcastLoop, EqualShapesAreOneLoop) {
  const BroadcastLoop loop({3, 4, 5}, {3, 4, 5});
  EXPECT_EQ(loop.outer, 1);
  EXPECT_EQ(loop.inner, 60);
  EXPECT_EQ(loop.a_step, 1);
  EXPECT_EQ(loop.b_step, 1);
}

TEST(BroadcastLoop, AMissingOrSingleAxisRepeats) {
  const BroadcastLoop loop({2, 1, 3}, {4, 1});
  EXPECT_EQ(loop.shape, (Shape{2, 4, 3}));
  EXPECT_EQ(loop.outer, 8);
  EXPECT_EQ(loop.inner, 3);
  EXPECT_EQ(loop.b_step, 0);
  EXPECT_EQ(loop.Begin(5), (std::pair<int64_t, int64_t>(3, 1)));  // row 1, column 1 of [2, 4]
}

TEST(BroadcastLoop, DifferentLengthsAreRefused) {
  EXPECT_THAT(
      [] {
        BroadcastShape("add", {2, 3}, {2});
      },
      testing::ThrowsMessage<Error>(testing::HasSubstr("add: shapes [2, 3] and [2] do not broadcast")));
}

}  // namespace
}  // namespace tessera::kernels
