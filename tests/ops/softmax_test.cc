#include "tessera/ops/softmax.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ops/check_derivatives.h"

namespace tessera::ops {
namespace {

using Inputs = std::vector<Tensor>;
constexpr float kInf = std::numeric_limits<float>::infinity();

TEST(Softmax, Derivatives) {
  CheckDerivatives([](const Inputs& in) { return Softmax(in[0]); }, {Normal({3, 7})});
  CheckDerivatives([](const Inputs& in) { return LogSoftmax(in[0]); }, {Normal({3, 7})});
}

TEST(Softmax, RowsSumToOneAndLogarithmsAgree) {
  const Tensor x = Normal({4, 9}), p = Softmax(x), l = LogSoftmax(x);
  for (int64_t t = 0; t < 4; ++t) {
    double sum = 0;
    for (int64_t i = 0; i < 9; ++i) {
      sum += p.data<double>()[t * 9 + i];
      EXPECT_NEAR(std::exp(l.data<double>()[t * 9 + i]), p.data<double>()[t * 9 + i], 1e-15);
    }
    EXPECT_NEAR(sum, 1, 1e-14);
  }
}

TEST(Softmax, LargeValuesDoNotOverflow) {
  EXPECT_THAT(Softmax(Tensor::From<float>({3e38f, -3e38f}, {2})).data<float>(), testing::ElementsAre(1, 0));
  EXPECT_THAT(Softmax(Tensor::From<float>({5, -kInf}, {2})).data<float>(), testing::ElementsAre(1, 0));
}

TEST(Softmax, InfiniteMaximumAndNaNGiveNaN) {
  for (const auto& row : std::vector<std::vector<float>>{{-kInf, -kInf}, {kInf, 0}, {NAN, 0}, {0, NAN}}) {
    const Tensor y = Softmax(Tensor::From<float>(row, {2}));
    for (float value : y.data<float>()) EXPECT_TRUE(std::isnan(value));
    EXPECT_TRUE(std::isnan(LogSoftmax(Tensor::From<float>(row, {2})).data<float>()[0]));
  }
}

TEST(Softmax, EmptyRowsAndScalars) {
  EXPECT_EQ(Softmax(Tensor::Zeros({3, 0})).shape(), (Shape{3, 0}));
  EXPECT_EQ(LogSoftmax(Tensor::Zeros({0, 3})).shape(), (Shape{0, 3}));
  EXPECT_THROW(Softmax(Tensor::Scalar(1.0f)), Error);
}

}  // namespace
}  // namespace tessera::ops
