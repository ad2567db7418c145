#include "tessera/ops/cross_entropy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ops/check_derivatives.h"
#include "tessera/ops/differentiable.h"

namespace tessera::ops {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;
using Inputs = std::vector<Tensor>;

TEST(CrossEntropy, Derivatives) {
  const Tensor labels = Tensor::From<int64_t>({2, -100, 0, 6}, {4});
  CheckDerivatives([&](const Inputs& in) { return CrossEntropy(in[0], labels); }, {Normal({4, 7})});
  CheckDerivatives([&](const Inputs& in) { return CrossEntropy(in[0], labels, {.z_loss = 0.1f}); }, {Normal({4, 7})});
}

TEST(CrossEntropy, EqualLogitsCostTheLogarithmOfTheVocabulary) {
  const Tensor labels = Tensor::From<int64_t>({0, 3}, {2});
  EXPECT_FLOAT_EQ(CrossEntropy(Tensor::Full({2, 8}, 5), labels).item<float>(), std::log(8.0f));
  const float lse = std::log(8.0f);
  EXPECT_FLOAT_EQ(CrossEntropy(Tensor::Zeros({2, 8}), labels, {.z_loss = 0.5f}).item<float>(), lse + 0.5f * lse * lse);
}

TEST(CrossEntropy, IgnoredRowsCountForNothing) {
  const Tensor logits = Variable(Tensor::From<float>({0, 0, 9, 1}, {2, 2}));
  const Tensor loss = CrossEntropy(logits, Tensor::From<int64_t>({1, 7}, {2}), {.ignore_index = 7});
  EXPECT_FLOAT_EQ(loss.item<float>(), std::log(2.0f));
  EXPECT_THAT(Gradient(loss, {logits})[0].data<float>(), testing::ElementsAre(0.5f, -0.5f, 0, 0));
}

TEST(CrossEntropy, NoCountedRowGivesZeroAndZeroGradient) {
  const Tensor logits = Variable(Tensor::Full({1, 2}, 3));
  const Tensor loss = CrossEntropy(logits, Tensor::From<int64_t>({-100}, {1}));
  EXPECT_EQ(loss.item<float>(), 0);
  EXPECT_THAT(Gradient(loss, {logits})[0].data<float>(), testing::Each(0));
  EXPECT_EQ(CrossEntropy(Tensor::Zeros({0, 5}), Tensor::Zeros({0}, DType::kI64)).item<float>(), 0);
}

TEST(CrossEntropy, LossOfLowPrecisionLogitsIsF32) {
  const Tensor logits = Variable(Tensor::Zeros({1, 4}, DType::kBF16));
  const Tensor loss = CrossEntropy(logits, Tensor::From<int64_t>({0}, {1}));
  EXPECT_FLOAT_EQ(loss.item<float>(), std::log(4.0f));
  EXPECT_EQ(Gradient(loss, {logits})[0].dtype(), DType::kBF16);
}

TEST(CrossEntropy, LabelsOutsideAreRefused) {
  EXPECT_THAT(
      [] {
        CrossEntropy(Tensor::Zeros({2, 4}), Tensor::From<int64_t>({0, 4}, {2}));
      },
      ThrowsMessage<Error>(HasSubstr("cross_entropy: label 4 of row 1 is outside 0 … 3")));
  EXPECT_THROW(CrossEntropy(Tensor::Zeros({1, 4}), Tensor::From<int64_t>({-1}, {1})), Error);
  EXPECT_THROW(CrossEntropy(Tensor::Zeros({1, 4}), Tensor::From<int64_t>({0, 0}, {2})), Error);
}

}  // namespace
}  // namespace tessera::ops
