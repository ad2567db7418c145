#include "tessera/ops/interpolate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ops/check_derivatives.h"

namespace tessera::ops {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::FloatNear;
using testing::HasSubstr;
using testing::ThrowsMessage;
using Inputs = std::vector<Tensor>;

TEST(Interpolate, Derivatives) {
  for (const auto& [height, width] : {std::pair<int64_t, int64_t>(5, 7), {2, 9}, {1, 1}, {3, 4}})
    CheckDerivatives([&](const Inputs& in) { return InterpolateGrid(in[0], height, width); }, {Normal({3, 4, 2})});
}

TEST(Interpolate, TheSameGridIsTheTableItself) {
  const Tensor table = Tensor::From<float>({1, 2, 3, 4, 5, 6}, {3, 2, 1});
  EXPECT_THAT(InterpolateGrid(table, 3, 2).data<float>(), ElementsAre(1, 2, 3, 4, 5, 6));
}

// Twice as many points lie a quarter to either side of the old ones; the weights at 1/4 and 3/4 are exact in binary:
// f(5/4), f(1/4), f(3/4), f(7/4) = -27/256, 225/256, 67/256, -9/256.
TEST(Interpolate, ADoubledStepHasKeyssWeightsAndTheBordersValueBeyondIt) {
  const Tensor table = Tensor::From<float>({0, 0, 256, 256}, {1, 4, 1});
  const Tensor y = InterpolateGrid(table, 1, 8);
  EXPECT_THAT(y.data<float>(), ElementsAre(0, -9, -27, 58, 198, 283, 265, 256));
}

TEST(Interpolate, AConstantStaysConstant) {
  const Tensor y = InterpolateGrid(Tensor::Full({4, 4, 3}, 0.5f), 9, 7);
  EXPECT_EQ(y.shape(), (Shape{63, 3}));
  EXPECT_THAT(y.data<float>(), Each(FloatNear(0.5f, 1e-6f)));
}

TEST(Interpolate, EmptyGridsAreRefused) {
  const Tensor table = Tensor::Zeros({2, 2, 1});
  EXPECT_THAT([&] { InterpolateGrid(table, 0, 3); }, ThrowsMessage<Error>(HasSubstr("grid of 0 x 3")));
  EXPECT_THAT([&] { InterpolateGrid(Tensor::Zeros({2, 2}), 2, 2); }, ThrowsMessage<Error>(HasSubstr("[H, W, C]")));
  EXPECT_THROW(InterpolateGrid(Tensor::Zeros({2, 2, 1}, DType::kI64), 2, 3), Error);
}

}  // namespace
}  // namespace tessera::ops
