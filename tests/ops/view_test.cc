#include "tessera/ops/view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ops/check_derivatives.h"

namespace tessera::ops {
namespace {

using testing::ElementsAre;
using Inputs = std::vector<Tensor>;

TEST(View, Derivatives) {
  const Inputs one{Normal({3, 4, 5})};
  CheckDerivatives([](const Inputs& in) { return Reshape(in[0], {5, 12}); }, one);
  CheckDerivatives([](const Inputs& in) { return Transpose(in[0], 0, -1); }, one);
  for (int axis : {0, 1, -1}) CheckDerivatives([=](const Inputs& in) { return Slice(in[0], axis, 1, 3); }, one);
  for (int axis : {0, 1}) {
    const Inputs two{Normal({2, 2, 3}), axis == 0 ? Normal({4, 2, 3}, 2) : Normal({2, 4, 3}, 2)};
    CheckDerivatives([=](const Inputs& in) { return Concat(in, axis); }, two);
  }
}

TEST(View, ValuesAndContiguity) {
  const Tensor x = Tensor::From<int32_t>({1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_THAT(Transpose(x, 0, 1).data<int32_t>(), ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_THAT(Slice(x, 1, 1, 3).data<int32_t>(), ElementsAre(2, 3, 5, 6));
  EXPECT_EQ(Slice(x, 0, 1, 2).raw(), x.raw() + 12);
  EXPECT_EQ(Reshape(x, {3, 2}).raw(), x.raw());
  EXPECT_THAT(Concat(std::vector{x, x}, -1).data<int32_t>(), ElementsAre(1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6));
  EXPECT_EQ(Slice(x, 1, 2, 2).shape(), (Shape{2, 0}));
}

TEST(View, MismatchesAreRefused) {
  const Tensor x = Tensor::Zeros({2, 3});
  EXPECT_THROW(Reshape(x, {4}), Error);
  EXPECT_THROW(Slice(x, 1, 2, 4), Error);
  EXPECT_THROW(Transpose(x, 0, 2), Error);
  EXPECT_THROW(Concat({}, 0), Error);
  EXPECT_THROW(Concat(std::vector{x, Tensor::Zeros({2, 4})}, 0), Error);
  EXPECT_THROW(Concat(std::vector{x, Tensor::Zeros({2, 3}, DType::kF64)}, 0), Error);
}

}  // namespace
}  // namespace tessera::ops
