#include "tessera/ops/norm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ops/check_derivatives.h"
#include "tessera/ops/differentiable.h"
#include "tessera/ops/elementwise.h"

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

TEST(Norm, ASumAndItsNormAreThoseOfTheTwoOperators) {
  const Tensor x = Variable(Tensor::From<float>({3, -4, 1, 7}, {2, 2})),
               d = Variable(Tensor::From<float>({1, 2, 3, 4}, {2, 2}));
  const Tensor w = Variable(Tensor::From<float>({1, -2}, {2}));
  const auto [sum, norm] = AddRmsNorm(x, d, w, 1e-5f);
  const Tensor h = Add(x, d), y = RmsNorm(h, w, 1e-5f);
  EXPECT_THAT(sum.data<float>(), testing::ElementsAreArray(h.data<float>()));
  EXPECT_THAT(norm.data<float>(), testing::ElementsAreArray(y.data<float>()));
  const Tensor seed = Tensor::From<float>({1, 2, -1, 3}, {2, 2});
  const std::vector<Tensor> got = VectorJacobian(norm, seed, {x, d, w}), wanted = VectorJacobian(y, seed, {x, d, w});
  for (size_t i = 0; i < 3; ++i) EXPECT_THAT(got[i].data<float>(), testing::ElementsAreArray(wanted[i].data<float>()));
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
