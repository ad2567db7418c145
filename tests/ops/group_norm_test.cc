#include "tessera/ops/group_norm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ops/check_derivatives.h"
#include "tessera/ops/norm.h"

namespace tessera::ops {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;
using Inputs = std::vector<Tensor>;

TEST(GroupNorm, Derivatives) {
  CheckDerivatives([](const Inputs& in) { return GroupNorm(in[0], in[1], in[2], {.groups = 3}); },
                   {Normal({2, 2, 3, 6}), Normal({6}, 2), Normal({6}, 3)});
}

TEST(GroupNorm, OneGroupOfOnePlaceIsALayerNorm) {
  const Tensor x = Normal({4, 6}).To(DType::kF32), w = Normal({6}, 2).To(DType::kF32),
               b = Normal({6}, 3).To(DType::kF32);
  const Tensor grouped = GroupNorm(x, w, b, {.groups = 1}), whole = LayerNorm(x, w, b, 1e-6f);
  for (size_t i = 0; i < 24; ++i) EXPECT_NEAR(grouped.data<float>()[i], whole.data<float>()[i], 1e-6f);
}

TEST(GroupNorm, ValuesOfAGroupAreNormalisedOverAllPlaces) {
  // Channel 0 holds 1 and 3: mean 2, deviation 1. Channel 1 holds 10 and 10.
  const Tensor x = Tensor::From<float>({1, 10, 3, 10}, {1, 2, 2}), w = Tensor::From<float>({1, 5}, {2});
  const Tensor y = GroupNorm(x, w, Tensor::From<float>({0, 7}, {2}), {.groups = 2, .eps = 0.0f + 1e-12f});
  EXPECT_THAT(y.data<float>(), testing::ElementsAre(testing::FloatEq(-1), 7, testing::FloatEq(1), 7));
}

TEST(GroupNorm, WhatDoesNotFitIsRefused) {
  const Tensor x = Tensor::Zeros({1, 2, 6}), w = Tensor::Zeros({6});
  const auto refused = [](auto call, const char* message) {
    EXPECT_THAT(call, ThrowsMessage<Error>(HasSubstr(message)));
  };
  refused([&] { GroupNorm(x, w, w, {.groups = 4}); }, "group_norm: 4 groups do not divide 6 channels");
  refused([&] { GroupNorm(x, Tensor::Zeros({5}), w, {.groups = 3}); }, "must be [6] as x [1, 2, 6] says, not [5]");
  refused([&] { GroupNorm(w, w, w, {.groups = 3}); }, "must be [B, ..., C]");
}

}  // namespace
}  // namespace tessera::ops
