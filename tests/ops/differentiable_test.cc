#include "tessera/ops/differentiable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "tessera/ops/elementwise.h"
#include "tessera/ops/reduce.h"

namespace tessera::ops {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

Tensor Scalar(double value) { return Tensor::Scalar(value); }

TEST(Differentiable, GradientOfASquareIsTwiceTheValue) {
  const Tensor x = Variable(Scalar(3));
  EXPECT_EQ(Gradient(Mul(Scalar(5), Mul(x, x)), {x})[0].item<double>(), 30);
}

TEST(Differentiable, ADiamondAddsTheGradientsOfItsTwoSides) {
  const Tensor x = Variable(Scalar(2));
  const Tensor left = Square(x), right = Scale(x, 3), joined = Mul(left, right);  // 3 x³
  EXPECT_EQ(Gradient(joined, {x})[0].item<double>(), 36);
  EXPECT_EQ(Gradient(Add(joined, joined), {x})[0].item<double>(), 72);
}

TEST(Differentiable, AVariableThatIsNotUsedHasZeroGradient) {
  const Tensor x = Variable(Scalar(2)), unused = Variable(Tensor::Full({2, 2}, 7));
  const auto gradients = Gradient(Square(x), {unused, x});
  EXPECT_THAT(gradients[0].data<float>(), ElementsAre(0, 0, 0, 0));
  EXPECT_EQ(gradients[1].item<double>(), 4);
}

TEST(Differentiable, AVariableAskedForTwiceIsAnsweredTwice) {
  const Tensor x = Variable(Scalar(2));
  const auto gradients = Gradient(Square(x), {x, x});
  EXPECT_EQ(gradients[0].item<double>(), 4);
  EXPECT_EQ(gradients[1].item<double>(), 4);
}

TEST(Differentiable, TheLossMayBeAVariableItself) {
  const Tensor x = Variable(Scalar(2));
  EXPECT_EQ(Gradient(x, {x})[0].item<double>(), 1);
}

TEST(Differentiable, DetachStopsGradientsAndTangents) {
  const Tensor x = Variable(Scalar(2));
  EXPECT_EQ(Gradient(Mul(x, Detach(x)), {x})[0].item<double>(), 2);
  const Tensor u = WithTangent(Scalar(2), Scalar(1));
  EXPECT_EQ(Tangent(Mul(u, Detach(u))).item<double>(), 2);
  EXPECT_FALSE(Tracked(Square(Detach(x))));
}

TEST(Differentiable, TangentsPassThroughManyOperators) {
  Tensor u = WithTangent(Scalar(0.5), Scalar(1));
  for (int i = 0; i < 20; ++i) u = Sigmoid(Add(u, Scale(u, 0.5f)));
  double value = 0.5, slope = 1;
  for (int i = 0; i < 20; ++i) {
    const double next = 1 / (1 + std::exp(-1.5 * value));
    slope *= 1.5 * next * (1 - next);
    value = next;
  }
  EXPECT_NEAR(Tangent(u).item<double>(), slope, 1e-15);
}

TEST(Differentiable, ForwardOverReverseInOnePassCarriesBoth) {
  const Tensor x = Variable(WithTangent(Scalar(3), Scalar(2)));
  const Tensor y = Square(x);
  EXPECT_EQ(Tangent(y).item<double>(), 12);
  EXPECT_EQ(Gradient(y, {x})[0].item<double>(), 6);
}

TEST(Differentiable, TangentOfAnUntrackedTensorIsZero) {
  EXPECT_THAT(Tangent(Tensor::Full({3}, 4)).data<float>(), ElementsAre(0, 0, 0));
}

// As deep as a long recurrence: without care each link would take several frames of the stack when it is destroyed.
TEST(Differentiable, AVeryLongChainIsDifferentiatedAndDestroyed) {
  const Tensor x = Variable(Scalar(1));
  Tensor y = x;
  for (int i = 0; i < 200'000; ++i) y = Neg(y);
  EXPECT_EQ(Gradient(y, {x})[0].item<double>(), 1);
}

TEST(Differentiable, ALineageMayEndOnAnotherThread) {
  Tensor y = Variable(Scalar(1));
  for (int i = 0; i < 100'000; ++i) y = Neg(y);
  std::thread([last = std::move(y)]() mutable { last = Tensor(); }).join();
}

TEST(Differentiable, WrongUsesAreRefused) {
  const Tensor x = Variable(Tensor::Full({2}, 1));
  EXPECT_THAT([&] { Gradient(x, {x}); }, ThrowsMessage<Error>(HasSubstr("the loss has shape [2]")));
  EXPECT_THAT([&] { Gradient(Sum(x), {Tensor::Full({2}, 1)}); }, ThrowsMessage<Error>(HasSubstr("Variable()")));
  EXPECT_THAT([&] { Gradient(Sum(x), {Square(x)}); }, ThrowsMessage<Error>(HasSubstr("Variable()")));
  EXPECT_THAT([&] { VectorJacobian(x, Tensor::Zeros({3}), {x}); }, ThrowsMessage<Error>(HasSubstr("[3]")));
  EXPECT_THAT([] { WithTangent(Tensor::Zeros({2}), Tensor::Zeros({3})); }, ThrowsMessage<Error>(HasSubstr("tangent")));
  EXPECT_THAT([] { Variable(Tensor::Zeros({2}, DType::kI64)); }, ThrowsMessage<Error>(HasSubstr("i64")));
}

}  // namespace
}  // namespace tessera::ops
