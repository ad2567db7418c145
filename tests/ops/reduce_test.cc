#include "tessera/ops/reduce.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ops/check_derivatives.h"
#include "tessera/ops/differentiable.h"

namespace tessera::ops {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;
using Inputs = std::vector<Tensor>;

TEST(Reduce, Derivatives) {
  const Inputs inputs{Normal({3, 4, 5})};
  CheckDerivatives([](const Inputs& in) { return Sum(in[0]); }, inputs);
  CheckDerivatives([](const Inputs& in) { return Mean(in[0]); }, inputs);
  for (int axis : {0, 1, 2, -1}) {
    CheckDerivatives([=](const Inputs& in) { return Sum(in[0], axis); }, inputs);
    CheckDerivatives([=](const Inputs& in) { return Mean(in[0], axis); }, inputs);
    CheckDerivatives([=](const Inputs& in) { return Max(in[0], axis); }, inputs);
  }
}

TEST(Reduce, ValuesAreTheFormulas) {
  const Tensor x = Tensor::From<float>({1, 5, 3, 4, 2, 6}, {2, 3});
  EXPECT_EQ(Sum(x).item<float>(), 21);
  EXPECT_EQ(Mean(x).item<float>(), 3.5f);
  EXPECT_THAT(Sum(x, 0).data<float>(), ElementsAre(5, 7, 9));
  EXPECT_THAT(Mean(x, -1).data<float>(), ElementsAre(3, 4));
  EXPECT_THAT(Max(x, 1).data<float>(), ElementsAre(5, 6));
}

TEST(Reduce, SumsOfLowPrecisionRunInF32) {
  EXPECT_EQ(static_cast<float>(Sum(Tensor::Full({4096}, 1, DType::kBF16)).item<BFloat16>()), 4096);
}

TEST(Reduce, EmptyAxes) {
  const Tensor none = Tensor::Zeros({0, 2});
  EXPECT_EQ(Sum(none).item<float>(), 0);
  EXPECT_TRUE(std::isnan(Mean(none).item<float>()));
  EXPECT_THAT(Sum(none, 0).data<float>(), ElementsAre(0, 0));
  EXPECT_THAT([&] { Max(none, 0); }, ThrowsMessage<Error>(HasSubstr("max: axis 0 of [0, 2] is empty")));
  EXPECT_EQ(Max(none, 1).shape(), (Shape{0}));
}

TEST(Reduce, MaxGivesTheGradientToTheFirstOfEqualsAndPassesNaN) {
  const Tensor x = Variable(Tensor::From<float>({7, 9, 9}, {3}));
  EXPECT_THAT(Gradient(Max(x, 0), {x})[0].data<float>(), ElementsAre(0, 1, 0));
  EXPECT_TRUE(std::isnan(Max(Tensor::From<float>({1, NAN, 9}, {3}), 0).item<float>()));
}

}  // namespace
}  // namespace tessera::ops
