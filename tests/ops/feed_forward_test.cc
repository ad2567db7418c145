#include "tessera/ops/feed_forward.h"

#include <gtest/gtest.h>

#include <cstring>

#include "ops/check_derivatives.h"
#include "tessera/ops/differentiable.h"

namespace tessera::ops {
namespace {

using Inputs = std::vector<Tensor>;

TEST(FeedForward, Derivatives) {
  CheckDerivatives(
      [](const Inputs& in) {
        return FeedForward(in[0], {in[1], in[2], in[3]});
      },
      {Normal({2, 3, 4}), Normal({5, 4}, 2), Normal({5, 4}, 3), Normal({6, 5}, 4)});
}

TEST(FeedForwardEach, Derivatives) {
  CheckDerivatives(
      [](const Inputs& in) {
        const std::vector<FeedForwardPart> parts = {{{in[1], in[2], in[3]}, {2, 0}},
                                                    {{in[2], in[1], in[3]}, {0, 1, 2, 2}}};
        return FeedForwardEach(in[0], parts);
      },
      {Normal({3, 4}), Normal({5, 4}, 2), Normal({5, 4}, 3), Normal({6, 5}, 4)});
}

TEST(FeedForward, HasTheBitsOfTheLayersItIsMadeOf) {
  const Tensor x = Normal({2, 3, 8}), gate = Normal({5, 8}, 2), up = Normal({5, 8}, 3), down = Normal({7, 5}, 4);
  for (const DType dtype : {DType::kF64, DType::kF32, DType::kBF16}) {
    const auto as = [&](const Tensor& t) { return t.To(dtype); };
    const FeedForwardWeights w{as(gate), as(up), as(down)};
    const Tensor expected = Linear(GatedLinear(as(x), {.weight = w.gate}, {.weight = w.up}), w.down);
    for (const Tensor& y : {FeedForward(as(x), w), Detach(FeedForward(Variable(as(x)), w))}) {
      ASSERT_EQ(y.shape(), (Shape{2, 3, 7}));
      ASSERT_EQ(y.dtype(), dtype);
      EXPECT_EQ(std::memcmp(y.raw(), expected.raw(), static_cast<size_t>(y.bytes())), 0) << Name(dtype);
    }
  }
}

}  // namespace
}  // namespace tessera::ops
