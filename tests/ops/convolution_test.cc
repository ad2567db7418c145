#include "tessera/ops/convolution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ops/check_derivatives.h"

namespace tessera::ops {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;
using Inputs = std::vector<Tensor>;

constexpr ConvolutionWindow kSame{.top = 1, .left = 1, .bottom = 1, .right = 1};
constexpr ConvolutionWindow kHalve{.stride = 2, .bottom = 1, .right = 1};

TEST(Convolution, Derivatives) {
  for (const ConvolutionWindow& window : {kSame, kHalve, ConvolutionWindow{}}) {
    CheckDerivatives([&](const Inputs& in) { return Convolution(in[0], in[1], in[2], window); },
                     {Normal({2, 4, 5, 2}), Normal({3, 2, 3, 3}, 2), Normal({3}, 3)});
  }
  CheckDerivatives([](const Inputs& in) { return Convolution(in[0], in[1], {}, {}); },
                   {Normal({1, 2, 3, 4}), Normal({2, 4, 1, 1}, 2)});
}

TEST(Convolution, AWindowOfOnesAddsWhatItSees) {
  const Tensor x = Tensor::From<float>({1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 3, 3, 1}), ones = Tensor::Full({1, 1, 3, 3}, 1);
  EXPECT_THAT(Convolution(x, ones, {}, kSame).data<float>(), ElementsAre(12, 21, 16, 27, 45, 33, 24, 39, 28));
  EXPECT_THAT(Convolution(x, ones, {}).data<float>(), ElementsAre(45));
  // Stride 2, zeros only below and to the right, as encoders shrink pictures.
  const Tensor even = Tensor::From<float>({1, 2, 3, 4}, {1, 2, 2, 1}), bias = Tensor::Full({1}, 100);
  EXPECT_THAT(Convolution(even, ones, bias, kHalve).data<float>(), ElementsAre(110));
}

TEST(Convolution, ChannelsMixAsAMatrixUnderAWindowOfOnePixel) {
  const Tensor x = Tensor::From<float>({1, 2, 3, 4}, {1, 1, 2, 2});
  const Tensor w = Tensor::From<float>({10, 1, 0, -1}, {2, 2, 1, 1});
  EXPECT_THAT(Convolution(x, w, {}).data<float>(), ElementsAre(12, -2, 34, -4));
}

TEST(Convolution, WhatDoesNotFitIsRefused) {
  const Tensor x = Tensor::Zeros({1, 2, 2, 3}), w = Tensor::Zeros({4, 3, 3, 3});
  const auto refused = [](auto call, const char* message) {
    EXPECT_THAT(call, ThrowsMessage<Error>(HasSubstr(message)));
  };
  refused([&] { Convolution(x, w, {}); }, "a window of 3 x 3 does not fit into pictures of 2 x 2");
  refused([&] { Convolution(x, Tensor::Zeros({4, 2, 3, 3}), {}, kSame); }, "a weight [4, 2, 3, 3] does not fit");
  refused([&] { Convolution(x, w, Tensor::Zeros({3}), kSame); }, "the bias [3] must be [4]");
  refused([&] { Convolution(x, w, {}, {.stride = 0, .top = 1, .left = 1}); }, "a stride of 0");
  refused([&] { Convolution(x, Tensor::Zeros({4, 3, 3, 3}, DType::kBF16), {}, kSame); }, "operands are f32 and bf16");
}

}  // namespace
}  // namespace tessera::ops
