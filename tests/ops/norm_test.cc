#include "tessera/ops/norm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ops/check_derivatives.h"

namespace tessera::ops {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;
using Inputs = std::vector<Tensor>;

TEST(Norm, RmsNormDerivatives) {
  CheckDerivatives([](const Inputs& in) { return RmsNorm(in[0], in[1], 1e-5f); }, {Normal({2, 3, 5}), Normal({5}, 2)});
}

TEST(Norm, LayerNormDerivatives) {
  CheckDerivatives([](const Inputs& in) { return LayerNorm(in[0], in[1], in[2], 1e-5f); },
                   {Normal({4, 6}), Normal({6}, 2), Normal({6}, 3)});
  CheckDerivatives([](const Inputs& in) { return LayerNorm(in[0], in[1], {}, 1e-5f); },
                   {Normal({4, 6}), Normal({6}, 2)});
}

TEST(Norm, ValuesAreTheFormulas) {
  const Tensor x = Tensor::From<float>({3, 4}, {1, 2}), w = Tensor::From<float>({1, 2}, {2});
  const float r = 1 / std::sqrt(12.5f);
  EXPECT_THAT(RmsNorm(x, w, 0).data<float>(), testing::ElementsAre(testing::FloatEq(3 * r), testing::FloatEq(8 * r)));
  EXPECT_THAT(LayerNorm(x, w, Tensor::From<float>({10, 20}, {2}), 0).data<float>(), testing::ElementsAre(9, 22));
}

TEST(Norm, RowsOfZerosGiveZeros) {
  EXPECT_THAT(RmsNorm(Tensor::Zeros({2, 3}), Tensor::Full({3}, 1), 1e-5f).data<float>(), testing::Each(0));
  EXPECT_EQ(RmsNorm(Tensor::Zeros({0, 3}), Tensor::Full({3}, 1), 1e-5f).shape(), (Shape{0, 3}));
}

TEST(Norm, WeightOfAnotherSizeIsRefused) {
  EXPECT_THAT(
      [] {
        RmsNorm(Tensor::Zeros({2, 4}), Tensor::Zeros({3}), 1e-5f);
      },
      ThrowsMessage<Error>(HasSubstr("rms_norm: weight has shape [3] but the last axis of x [2, 4]")));
  EXPECT_THAT(
      [] {
        LayerNorm(Tensor::Zeros({2, 4}), Tensor::Zeros({4}), Tensor::Zeros({4}, DType::kBF16), 1e-5f);
      },
      ThrowsMessage<Error>(HasSubstr("layer_norm: bias is bf16 but x is f32")));
}

}  // namespace
}  // namespace tessera::ops
