#include "tessera/ops/rotary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ops/check_derivatives.h"
#include "tessera/ops/elementwise.h"

namespace tessera::ops {
namespace {

using Inputs = std::vector<Tensor>;

std::pair<Tensor, Tensor> Tables(int64_t rows, int64_t pairs) {
  const Tensor angle = Normal({rows, pairs}, 5);
  Tensor cos = Tensor::Empty(angle.shape()), sin = Tensor::Empty(angle.shape());
  for (int64_t i = 0; i < angle.numel(); ++i) {
    cos.mutable_data<float>()[i] = static_cast<float>(std::cos(angle.data<double>()[i]));
    sin.mutable_data<float>()[i] = static_cast<float>(std::sin(angle.data<double>()[i]));
  }
  return {cos, sin};
}

TEST(Rotary, Derivatives) {
  const auto tables = Tables(3, 2);
  for (RotaryLayout layout : {RotaryLayout::kHalves, RotaryLayout::kPairs}) {
    CheckDerivatives([&](const Inputs& in) { return Rotary(in[0], tables.first, tables.second, layout); },
                     {Normal({3, 2, 4})});
    CheckDerivatives([&](const Inputs& in) { return Rotary(in[0], tables.first, tables.second, layout); },
                     {Normal({3, 2, 7})});
  }
}

TEST(Rotary, QuarterTurnSwapsThePair) {
  const Tensor x = Tensor::From<float>({1, 2, 3, 4, 5}, {1, 1, 5});
  const Tensor cos = Tensor::Zeros({1, 2}), sin = Tensor::Full({1, 2}, 1);
  EXPECT_THAT(Rotary(x, cos, sin, RotaryLayout::kHalves).data<float>(), testing::ElementsAre(-3, -4, 1, 2, 5));
  EXPECT_THAT(Rotary(x, cos, sin, RotaryLayout::kPairs).data<float>(), testing::ElementsAre(-2, 1, -4, 3, 5));
}

TEST(Rotary, TablesThatDoNotFitAreRefused) {
  const Tensor x = Tensor::Zeros({2, 1, 4}), fits = Tensor::Zeros({2, 2});
  EXPECT_THROW(Rotary(x, fits, Tensor::Zeros({2, 1}), RotaryLayout::kHalves), Error);
  EXPECT_THROW(Rotary(x, Tensor::Zeros({2, 3}), Tensor::Zeros({2, 3}), RotaryLayout::kHalves), Error);
  EXPECT_THROW(Rotary(x, Tensor::Zeros({1, 2}), Tensor::Zeros({1, 2}), RotaryLayout::kHalves), Error);
  EXPECT_THROW(Rotary(x, Cast(fits, DType::kF64), fits, RotaryLayout::kHalves), Error);
}

}  // namespace
}  // namespace tessera::ops
