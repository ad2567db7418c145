#include "tessera/ops/elementwise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ops/check_derivatives.h"
#include "tessera/ops/differentiable.h"

namespace tessera::ops {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

using Inputs = std::vector<Tensor>;
constexpr float kInf = std::numeric_limits<float>::infinity();

TEST(Elementwise, BinaryDerivatives) {
  const Inputs same{Normal({3, 5}), Uniform({3, 5}, {.low = 0.5, .high = 2})};
  const Inputs broadcast{Normal({4, 1, 3}), Uniform({2, 1}, {.low = 0.5, .high = 2})};
  const Inputs scalar{Normal({}), Uniform({3, 2}, {.low = 0.5, .high = 2})};
  for (const Inputs& inputs : {same, broadcast, scalar}) {
    CheckDerivatives([](const Inputs& in) { return Add(in[0], in[1]); }, inputs);
    CheckDerivatives([](const Inputs& in) { return Sub(in[0], in[1]); }, inputs);
    CheckDerivatives([](const Inputs& in) { return Mul(in[0], in[1]); }, inputs);
    CheckDerivatives([](const Inputs& in) { return Div(in[0], in[1]); }, inputs);
  }
}

TEST(Elementwise, UnaryDerivatives) {
  const Inputs any{Normal({2, 7})};
  for (Tensor (*op)(const Tensor&) : {Neg, Exp, Square, Tanh, Sigmoid, Silu, Gelu, GeluTanh, QuickGelu, Relu})
    CheckDerivatives([=](const Inputs& in) { return op(in[0]); }, any);
  const Inputs positive{Uniform({2, 7}, {.low = 0.3, .high = 3})};
  for (Tensor (*op)(const Tensor&) : {Log, Sqrt, Rsqrt})
    CheckDerivatives([=](const Inputs& in) { return op(in[0]); }, positive);
  CheckDerivatives([](const Inputs& in) { return Scale(in[0], -1.5f); }, any);
  CheckDerivatives([](const Inputs& in) { return AddScalar(in[0], 2.5f); }, any);
}

TEST(Elementwise, SiluMulDerivatives) {
  CheckDerivatives([](const Inputs& in) { return SiluMul(in[0], in[1]); }, {Normal({3, 5}), Normal({3, 5}, 2)});
}

TEST(Elementwise, SiluMulIsItsUnfusedForm) {
  const Tensor gate = Normal({3, 33}), up = Normal({3, 33}, 2);
  const Tensor fused = SiluMul(gate, up), plain = Mul(Silu(gate), up);
  for (int64_t i = 0; i < fused.numel(); ++i) EXPECT_DOUBLE_EQ(fused.data<double>()[i], plain.data<double>()[i]);
}

TEST(Elementwise, BroadcastingFollowsNumpy) {
  const Tensor column = Tensor::From<float>({1, 2}, {2, 1}), row = Tensor::From<float>({10, 20, 30}, {3});
  const Tensor sum = Add(column, row);
  EXPECT_EQ(sum.shape(), (Shape{2, 3}));
  EXPECT_THAT(sum.data<float>(), testing::ElementsAre(11, 21, 31, 12, 22, 32));
  EXPECT_THAT(Sub(row, column).data<float>(), testing::ElementsAre(9, 19, 29, 8, 18, 28));
}

TEST(Elementwise, ShapesThatDoNotBroadcastAreRefused) {
  EXPECT_THAT(
      [] {
        Add(Tensor::Zeros({2, 3}), Tensor::Zeros({4}));
      },
      ThrowsMessage<Error>(HasSubstr("add: shapes [2, 3] and [4]")));
  EXPECT_THAT([] { Mul(Tensor::Zeros({2}), Tensor::Zeros({2}, DType::kF64)); },
              ThrowsMessage<Error>(HasSubstr("mul: operands are f32 and f64")));
  EXPECT_THAT([] { Exp(Tensor::Zeros({2}, DType::kI64)); }, ThrowsMessage<Error>(HasSubstr("exp: i64")));
  EXPECT_THAT(
      [] {
        SiluMul(Tensor::Zeros({2, 1}), Tensor::Zeros({2}));
      },
      ThrowsMessage<Error>(HasSubstr("silu_mul: gate [2, 1] and up [2]")));
  EXPECT_THAT([] { Exp(Tensor::Zeros({3, 2}).Transpose(0, 1)); }, ThrowsMessage<Error>(HasSubstr("not contiguous")));
  EXPECT_THAT([] { Exp(Tensor()); }, ThrowsMessage<Error>(HasSubstr("exp: an operand is undefined")));
}

TEST(Elementwise, EmptyTensorsStayEmpty) {
  EXPECT_EQ(Exp(Tensor::Zeros({0, 3})).shape(), (Shape{0, 3}));
  EXPECT_EQ(Add(Tensor::Zeros({0, 3}), Tensor::Zeros({1})).shape(), (Shape{0, 3}));
}

TEST(Elementwise, ExtremeValuesFollowTheFormulas) {
  const auto one = [](float x) { return Tensor::Scalar(x); };
  EXPECT_EQ(Exp(one(kInf)).item<float>(), kInf);
  EXPECT_EQ(Exp(one(-kInf)).item<float>(), 0);
  EXPECT_EQ(Log(one(0)).item<float>(), -kInf);
  EXPECT_TRUE(std::isnan(Log(one(-1)).item<float>()));
  EXPECT_EQ(Rsqrt(one(0)).item<float>(), kInf);
  EXPECT_EQ(Rsqrt(one(kInf)).item<float>(), 0);
  EXPECT_EQ(Tanh(one(-1000)).item<float>(), -1);
  EXPECT_EQ(Sigmoid(one(-1000)).item<float>(), 0);
  EXPECT_EQ(Silu(one(1000)).item<float>(), 1000);
  EXPECT_EQ(Silu(one(-1000)).item<float>(), 0);
  EXPECT_EQ(Gelu(one(100)).item<float>(), 100);
  EXPECT_EQ(Gelu(one(-100)).item<float>(), 0);
  for (auto* op : {Exp, Log, Sqrt, Rsqrt, Tanh, Sigmoid, Silu, Gelu, GeluTanh, QuickGelu, Relu, Square, Neg})
    EXPECT_TRUE(std::isnan(op(one(std::numeric_limits<float>::quiet_NaN())).item<float>()));
}

TEST(Elementwise, CastRoundsToNearestEvenAndCastsGradientsBack) {
  const Tensor x = Variable(Tensor::From<float>({1.00390625f, -2.5f}, {2}));  // 1 + 2^-8 lies between two bf16 values
  const Tensor y = Cast(x, DType::kBF16);
  EXPECT_EQ(static_cast<float>(y.data<BFloat16>()[0]), 1.0f);
  const Tensor dx = VectorJacobian(y, Tensor::Full({2}, 3, DType::kBF16), {x})[0];
  EXPECT_EQ(dx.dtype(), DType::kF32);
  EXPECT_THAT(dx.data<float>(), testing::ElementsAre(3, 3));
  const Tensor moving = WithTangent(Detach(x), Tensor::Full({2}, 0.5));
  EXPECT_EQ(Tangent(Cast(moving, DType::kF16)).dtype(), DType::kF16);
}

TEST(Elementwise, NothingIsRememberedWithoutTracking) {
  EXPECT_FALSE(Tracked(Mul(Normal({2}), Normal({2}))));
  EXPECT_FALSE(Tracked(Silu(Normal({2}))));
}

}  // namespace
}  // namespace tessera::ops
