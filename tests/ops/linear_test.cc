#include "tessera/ops/linear.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>

#include "tessera/core/random.h"
#include "tessera/ops/differentiable.h"
#include "tessera/ops/elementwise.h"
#include "tessera/ops/view.h"

namespace tessera::ops {
namespace {

Tensor RandomTensor(const Shape& shape, uint64_t seed, DType dtype = DType::kF64) {
  Tensor x = Tensor::Empty(shape, DType::kF64);
  Random random(seed);
  for (double& value : x.mutable_data<double>()) value = random.Normal();
  return x.To(dtype);
}

double Dot(const Tensor& a, const Tensor& b) {
  double sum = 0;
  for (size_t i = 0; i < a.data<double>().size(); ++i) sum += a.data<double>()[i] * b.data<double>()[i];
  return sum;
}

// For random directions u and cotangents v: ⟨v, J u⟩ by JVP, by VJP and by central differences agree.
void ExpectDerivativesAgree(const std::function<Tensor(std::vector<Tensor>)>& op, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> directions, variables, dual, plus, minus;
  constexpr double kStep = 1e-5;
  for (size_t i = 0; i < inputs.size(); ++i) {
    directions.push_back(RandomTensor(inputs[i].shape(), 900 + i));
    variables.push_back(Variable(inputs[i]));
    dual.push_back(WithTangent(inputs[i], directions[i]));
    for (auto* side : {&plus, &minus}) {
      Tensor moved = inputs[i].Clone();
      const double step = side == &plus ? kStep : -kStep;
      for (size_t k = 0; k < moved.data<double>().size(); ++k)
        moved.mutable_data<double>()[k] += step * directions[i].data<double>()[k];
      side->push_back(moved);
    }
  }
  const Tensor y = op(variables);
  const Tensor v = RandomTensor(y.shape(), 99);
  const std::vector<Tensor> gradients = VectorJacobian(y, v, variables);
  double by_vjp = 0;
  for (size_t i = 0; i < inputs.size(); ++i) by_vjp += Dot(gradients[i], directions[i]);
  const double by_jvp = Dot(v, Tangent(op(dual)));
  const double by_difference = (Dot(v, op(plus)) - Dot(v, op(minus))) / (2 * kStep);
  EXPECT_NEAR(by_vjp, by_jvp, 1e-10 * (1 + std::abs(by_jvp)));
  EXPECT_NEAR(by_vjp, by_difference, 1e-6 * (1 + std::abs(by_jvp)));
}

TEST(LinearEach, IsLinearOfEachPartWithItsGradients) {
  const Tensor x = RandomTensor({3, 2, 8}, 1), w = RandomTensor({5, 8}, 2), b = RandomTensor({5}, 3);
  const Tensor u = RandomTensor({4, 8}, 4);
  const auto both = [](const std::vector<Tensor>& in) {
    return LinearEach(in[0], std::vector<LinearPart>{{.weight = in[1], .bias = in[2]}, {.weight = in[3]}});
  };
  const std::vector<Tensor> plain = both({x, w, b, u});
  EXPECT_TRUE(std::ranges::equal(plain[0].data<double>(), Linear(x, w, b).data<double>()));
  EXPECT_TRUE(std::ranges::equal(plain[1].data<double>(), Linear(x, u).data<double>()));
  EXPECT_EQ(plain[0].shape(), (Shape{3, 2, 5}));
  for (const size_t part : {0, 1})
    ExpectDerivativesAgree([&](std::vector<Tensor> in) { return both(in)[part]; }, {x, w, b, u});
}

TEST(LinearOfEachHead, HasTheBitsOfItsLayers) {
  for (const DType dtype : {DType::kF64, DType::kF32, DType::kBF16}) {
    const Tensor x = RandomTensor({7, 2, 8}, 1, dtype);
    const std::vector<Tensor> weights = {RandomTensor({5, 8}, 2, dtype), RandomTensor({5, 8}, 3, dtype)};
    const Tensor y = LinearOfEachHead(x, weights), tracked = LinearOfEachHead(Variable(x), weights);
    ASSERT_EQ(y.shape(), Shape({7, 2, 5}));
    ASSERT_EQ(y.dtype(), dtype);
    EXPECT_EQ(std::memcmp(y.raw(), tracked.raw(), static_cast<size_t>(y.bytes())), 0) << Name(dtype);
  }
}

TEST(LinearOfEachHead, PutsOthersNumbersBesideThoseOfAHead) {
  for (const DType dtype : {DType::kF64, DType::kF32, DType::kBF16}) {
    for (const int64_t rows : {1, 40}) {
      const Tensor x = RandomTensor({rows, 2, 32}, 1, dtype), beside = RandomTensor({rows, 2, 3}, 4, dtype);
      const std::vector<Tensor> weights = {RandomTensor({37, 32}, 2, dtype), RandomTensor({37, 32}, 3, dtype)};
      const Tensor y = LinearOfEachHead(x, weights, LinearPrecision::kFast, beside);
      const Tensor expected = Concat(std::array{LinearOfEachHead(x, weights), beside}, 2);
      ASSERT_EQ(y.shape(), Shape({rows, 2, 40}));
      EXPECT_EQ(std::memcmp(y.raw(), expected.raw(), static_cast<size_t>(y.bytes())), 0) << Name(dtype) << rows;
    }
  }
  ExpectDerivativesAgree(
      [](std::vector<Tensor> in) {
        return LinearOfEachHead(in[0], std::vector<Tensor>{in[1], in[2]}, LinearPrecision::kFast, in[3]);
      },
      {RandomTensor({3, 2, 8}, 1), RandomTensor({5, 8}, 2), RandomTensor({5, 8}, 3), RandomTensor({3, 2, 4}, 4)});
}

TEST(LinearOfEachHead, HasTheDerivativesOfItsLayers) {
  ExpectDerivativesAgree(
      [](std::vector<Tensor> in) {
        return LinearOfEachHead(in[0], std::vector<Tensor>{in[1], in[2]});
      },
      {RandomTensor({3, 2, 8}, 1), RandomTensor({5, 8}, 2), RandomTensor({5, 8}, 3)});
}

TEST(LinearOfEachHead, SaysWhatDoesNotFit) {
  const Tensor x = RandomTensor({3, 2, 8}, 1), w = RandomTensor({5, 8}, 2);
  EXPECT_THROW(LinearOfEachHead(x, std::vector<Tensor>{w}), Error);
  EXPECT_THROW(LinearOfEachHead(x, std::vector<Tensor>{w, RandomTensor({5, 9}, 3)}), Error);
  EXPECT_THROW(LinearOfEachHead(x, std::vector<Tensor>{w, RandomTensor({4, 8}, 3)}), Error);
  EXPECT_EQ(LinearOfEachHead(Tensor::Zeros({0, 2, 8}), std::vector<Tensor>{w, w}).shape(), Shape({0, 2, 5}));
  for (const Tensor& beside : {RandomTensor({2, 2, 3}, 4), RandomTensor({3, 3, 3}, 4), RandomTensor({3, 6}, 4),
                               RandomTensor({3, 2, 3}, 4, DType::kBF16)})
    EXPECT_THROW(LinearOfEachHead(x, std::vector<Tensor>{w, w}, LinearPrecision::kFast, beside), Error);
}

TEST(GatedLinear, IsSiluMulOfTheTwoLayersWithItsGradients) {
  const Tensor x = RandomTensor({6, 8}, 1), w = RandomTensor({5, 8}, 2), u = RandomTensor({5, 8}, 3);
  const Tensor b = RandomTensor({5}, 4);
  for (const DType dtype : {DType::kF64, DType::kF32, DType::kBF16}) {
    const auto as = [&](const Tensor& t) { return t.To(dtype); };
    const Tensor plain = GatedLinear(as(x), {.weight = as(w)}, {.weight = as(u)});
    const Tensor expected = SiluMul(Linear(as(x), as(w)), Linear(as(x), as(u)));
    ASSERT_EQ(plain.shape(), expected.shape());
    EXPECT_EQ(std::memcmp(plain.raw(), expected.raw(), static_cast<size_t>(plain.bytes())), 0) << Name(dtype);
  }
  ExpectDerivativesAgree(
      [](std::vector<Tensor> in) { return GatedLinear(in[0], {.weight = in[1], .bias = in[2]}, {.weight = in[3]}); },
      {x, w, b, u});
}

TEST(Linear, AddsTheBiasToEveryRow) {
  const Tensor x = Tensor::From<float>({1, 2, 3, 4}, {2, 2});
  const Tensor w = Tensor::From<float>({1, 0, 0, 1, 1, 1}, {3, 2});
  const Tensor y = Linear(x, w, Tensor::From<float>({10, 20, 30}, {3}));
  const std::vector<float> expected = {11, 22, 33, 13, 24, 37};
  EXPECT_TRUE(std::ranges::equal(y.data<float>(), expected));
}

TEST(Linear, KeepsLeadingAxesAndTheTypeOfX) {
  const Tensor y = Linear(RandomTensor({2, 3, 5}, 1, DType::kBF16), RandomTensor({4, 5}, 2, DType::kF32));
  EXPECT_EQ(y.shape(), (Shape{2, 3, 4}));
  EXPECT_EQ(y.dtype(), DType::kBF16);
}

TEST(Linear, DerivativesAgree) {
  ExpectDerivativesAgree([](std::vector<Tensor> v) { return Linear(v[0], v[1], v[2]); },
                         {RandomTensor({2, 3, 7}, 1), RandomTensor({5, 7}, 2), RandomTensor({5}, 3)});
}

TEST(Linear, WithAnActivationIsThatOperatorWithItsDerivatives) {
  struct Case {
    Activation activation;
    Tensor (*alone)(const Tensor&);
  };
  const Tensor x = RandomTensor({2, 3, 8}, 1), w = RandomTensor({5, 8}, 2), b = RandomTensor({5}, 3);
  for (const Case& c : {Case{Activation::kGelu, Gelu}, Case{Activation::kGeluTanh, GeluTanh},
                        Case{Activation::kQuickGelu, QuickGelu}}) {
    const LinearOptions options{.bias = b, .activation = c.activation};
    const Tensor y = Linear(x, w, options), expected = c.alone(Linear(x, w, b));
    ASSERT_EQ(y.shape(), expected.shape());
    EXPECT_EQ(std::memcmp(y.raw(), expected.raw(), static_cast<size_t>(y.bytes())), 0);
    ExpectDerivativesAgree(
        [&](const std::vector<Tensor>& in) {
          return Linear(in[0], in[1], {.bias = in[2], .activation = c.activation});
        },
        {x, w, b});
  }
}

TEST(Linear, NoRowsGiveNoRowsAndZeroGradients) {
  const Tensor w = Variable(RandomTensor({4, 5}, 2, DType::kF32));
  const Tensor y = Linear(Tensor::Zeros({0, 5}), w);
  EXPECT_EQ(y.shape(), (Shape{0, 4}));
  const Tensor dw = VectorJacobian(y, Tensor::Zeros({0, 4}), {w})[0];
  for (float value : dw.data<float>()) EXPECT_EQ(value, 0);
}

TEST(Linear, WrongShapesAreNamed) {
  const Tensor x = Tensor::Zeros({2, 4});
  EXPECT_THROW(Linear(x, Tensor::Zeros({3, 5})), Error);
  EXPECT_THROW(Linear(x, Tensor::Zeros({4})), Error);
  EXPECT_THROW(Linear(x, Tensor::Zeros({3, 4}), Tensor::Zeros({4})), Error);
  EXPECT_THROW(Linear(Tensor::Zeros({2, 4}, DType::kI32), Tensor::Zeros({3, 4})), Error);
}

TEST(MatMul, MultipliesEachMatrixOfABatch) {
  const Tensor a = Tensor::From<float>({1, 2, 3, 4}, {2, 1, 2});
  const Tensor b = Tensor::From<float>({1, 2, 3, 4, 5, 6, 7, 8}, {2, 2, 2});
  const std::vector<float> expected = {7, 10, 43, 50};
  EXPECT_TRUE(std::ranges::equal(MatMul(a, b).data<float>(), expected));
}

TEST(MatMul, DerivativesAgree) {
  ExpectDerivativesAgree([](std::vector<Tensor> v) { return MatMul(v[0], v[1]); },
                         {RandomTensor({3, 2, 4, 5}, 1), RandomTensor({3, 2, 5, 6}, 2)});
}

TEST(MatMul, WrongShapesAreNamed) {
  EXPECT_THROW(MatMul(Tensor::Zeros({2, 3}), Tensor::Zeros({2, 3})), Error);
  EXPECT_THROW(MatMul(Tensor::Zeros({2, 3, 4}), Tensor::Zeros({3, 4, 2})), Error);
  EXPECT_THROW(MatMul(Tensor::Zeros({3, 4}), Tensor::Zeros({4, 2}, DType::kBF16)), Error);
}

}  // namespace
}  // namespace tessera::ops
