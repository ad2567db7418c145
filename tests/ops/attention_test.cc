#include "tessera/ops/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tessera/core/random.h"
#include "tessera/ops/differentiable.h"

namespace tessera::ops {
namespace {

Tensor Waves(const Shape& shape, double phase, DType dtype = DType::kF64) {
  Tensor x = Tensor::Empty(shape, DType::kF64);
  double i = phase;
  for (double& value : x.mutable_data<double>()) value = std::sin(i * i + i), i += 0.37;
  return x.To(dtype);
}

std::vector<double> Values(const Tensor& x) {
  const Tensor wide = x.To(DType::kF64);
  return {wide.data<double>().begin(), wide.data<double>().end()};
}

void ExpectNear(const Tensor& x, const std::vector<double>& expected) {
  ASSERT_EQ(x.numel(), static_cast<int64_t>(expected.size()));
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(Values(x)[i], expected[i], 1e-14 * std::abs(expected[i]));
}

AttentionPattern OneSequence(int64_t queries, int64_t keys) { return {.sequences = {{queries, keys, {}, {}}}}; }

TEST(Attention, OneKeyGivesItsValue) {
  const Tensor q = Waves({1, 4, 8}, 0), k = Waves({1, 2, 8}, 1), v = Waves({1, 2, 3}, 2);
  const std::vector<double> o = Values(Attend(q, k, v, OneSequence(1, 1))), value = Values(v);
  ASSERT_EQ(o.size(), 12);
  for (size_t h = 0; h < 4; ++h) {
    for (size_t d = 0; d < 3; ++d) EXPECT_DOUBLE_EQ(o[h * 3 + d], value[h / 2 * 3 + d]);
  }
}

// softmax of two scores by hand: weights 1/(1+e^-x) and its complement.
TEST(Attention, TwoKeysGiveTheLogisticMixture) {
  const Tensor q = Tensor::From<double>({2}, {1, 1, 1}), k = Tensor::From<double>({1, 3}, {2, 1, 1});
  const Tensor v = Tensor::From<double>({10, 20}, {2, 1, 1});
  const double x = 0.5 * (2 * 3 - 2 * 1);
  const Tensor o = Attend(q, k, v, OneSequence(1, 2), {.scale = 0.5f});
  EXPECT_NEAR(o.item<double>(), 10 + 10 / (1 + std::exp(-x)), 1e-12);
  const Tensor sinks = Tensor::From<double>({3}, {1});
  const double e1 = std::exp(1), e3 = std::exp(3), sum = e1 + 2 * e3;
  EXPECT_NEAR(Attend(q, k, v, OneSequence(1, 2), {.scale = 0.5f, .sinks = sinks}).item<double>(),
              (10 * e1 + 20 * e3) / sum, 1e-12);
  const double c1 = std::exp(2 * std::tanh(0.5)), c3 = std::exp(2 * std::tanh(1.5));
  EXPECT_NEAR(Attend(q, k, v, OneSequence(1, 2), {.scale = 0.5f, .softcap = 2}).item<double>(),
              (10 * c1 + 20 * c3) / (c1 + c3), 1e-12);
}

TEST(Attention, WindowHidesOldKeysAndCausalityHidesNewOnes) {
  Tensor q = Tensor::Zeros({4, 1, 1}, DType::kF64), k = Tensor::Zeros({4, 1, 1}, DType::kF64);
  const Tensor v = Tensor::From<double>({1, 2, 4, 8}, {4, 1, 1});
  AttentionPattern pattern = OneSequence(4, 4);
  ExpectNear(Attend(q, k, v, pattern), {1, 1.5, 7.0 / 3, 15.0 / 4});
  pattern.window = 2;
  ExpectNear(Attend(q, k, v, pattern), {1, 1.5, 3, 6});
  pattern.window = 0, pattern.causal = false;
  ExpectNear(Attend(q, k, v, pattern), {3.75, 3.75, 3.75, 3.75});
}

TEST(Attention, TreeNodeSeesPrefixAncestorsAndItself) {
  const Tensor q = Tensor::Zeros({4, 1, 1}, DType::kF64), k = Tensor::Zeros({5, 1, 1}, DType::kF64);
  const Tensor v = Tensor::From<double>({1, 2, 4, 8, 16}, {5, 1, 1});
  AttentionPattern pattern = OneSequence(4, 5);
  pattern.sequences[0].tree_parents = {-1, -1, 0, 1};
  ExpectNear(Attend(q, k, v, pattern), {1.5, 2.5, (1 + 2 + 8) / 3.0, (1 + 4 + 16) / 3.0});
  pattern.window = 2;  // positions: prefix 0, roots 1, children 2
  ExpectNear(Attend(q, k, v, pattern), {1.5, 2.5, 5, 10});
}

struct Case {
  const char* name;
  AttentionPattern pattern;
  int64_t heads, kv_heads, dim, value_dim;
  float softcap;
  bool sinks;
};

std::vector<Case> Cases() {
  AttentionPattern ragged{
      .sequences = {{3, 3, {}, {}}, {0, 2, {}, {}}, {2, 5, {}, {}}, {1, 0, {}, {}}, {3, 1, {}, {}}}};
  AttentionPattern open = ragged, window = ragged, tree = OneSequence(4, 6);
  open.causal = false, window.window = 2, tree.sequences[0].tree_parents = {-1, 0, 0, 2};
  return {{"causal", ragged, 4, 2, 5, 3, 0, false},
          {"open", open, 2, 2, 3, 4, 0, true},
          {"window", window, 3, 1, 2, 2, 3, true},
          {"tree", tree, 2, 1, 4, 4, 2, false}};
}

// VJP against JVP against central differences: <dy, f'(x) t> three ways, along a direction through all operands.
TEST(Attention, DerivativesAgreeWithEachOtherAndWithDifferences) {
  for (const Case& c : Cases()) {
    const int64_t rows = c.pattern.query_rows(), keys = c.pattern.key_rows();
    std::vector<Tensor> x{Waves({rows, c.heads, c.dim}, 0), Waves({keys, c.kv_heads, c.dim}, 1),
                          Waves({keys, c.kv_heads, c.value_dim}, 2)};
    if (c.sinks) x.push_back(Waves({c.heads}, 3));
    const auto f = [&](const std::vector<Tensor>& in) {
      return Attend(in[0], in[1], in[2], c.pattern, {.softcap = c.softcap, .sinks = c.sinks ? in[3] : Tensor()});
    };
    const Tensor dy = Waves({rows, c.heads, c.value_dim}, 5);
    const auto inner = [](const Tensor& a, const Tensor& b) {
      double sum = 0;
      for (int64_t i = 0; i < a.numel(); ++i)
        sum += Values(a)[static_cast<size_t>(i)] * Values(b)[static_cast<size_t>(i)];
      return sum;
    };
    for (size_t only = 0; only <= x.size(); ++only) {  // one operand at a time, then all at once
      std::vector<Tensor> variables, dual, plus, minus, tangents;
      for (size_t i = 0; i < x.size(); ++i) {
        Tensor t = only == i || only == x.size() ? Waves(x[i].shape(), 7 + static_cast<double>(i))
                                                 : Tensor::Zeros(x[i].shape(), DType::kF64);
        variables.push_back(Variable(x[i]));
        dual.push_back(only == i || only == x.size() ? WithTangent(x[i], t) : x[i]);
        const double h = 1e-5;
        plus.push_back(x[i].Clone()), minus.push_back(x[i].Clone());
        for (size_t j = 0; j < static_cast<size_t>(t.numel()); ++j) {
          plus[i].mutable_data<double>()[j] += h * t.data<double>()[j];
          minus[i].mutable_data<double>()[j] -= h * t.data<double>()[j];
        }
        tangents.push_back(t);
      }
      const double forward = inner(dy, Tangent(f(dual)));
      const std::vector<Tensor> gradients = VectorJacobian(f(variables), dy, variables);
      double reverse = 0;
      for (size_t i = 0; i < x.size(); ++i) reverse += inner(gradients[i], tangents[i]);
      const double difference = (inner(dy, f(plus)) - inner(dy, f(minus))) / 2e-5;
      EXPECT_NEAR(forward, reverse, 1e-11) << c.name << only;
      EXPECT_NEAR(forward, difference, 1e-7) << c.name << only;
    }
  }
}

TEST(Attention, RowThatSeesNoKeyGivesZeroAndZeroGradient) {
  for (DType dtype : {DType::kF64, DType::kF32, DType::kBF16}) {
    const AttentionPattern pattern{.sequences = {{2, 0, {}, {}}, {3, 1, {}, {}}}};
    const Tensor q = Variable(Waves({5, 2, 4}, 0, dtype)), k = Variable(Waves({1, 1, 4}, 1, dtype));
    const Tensor v = Variable(Waves({1, 1, 4}, 2, dtype));
    const Tensor o = Attend(q, k, v, pattern);
    const std::vector<Tensor> gradients = VectorJacobian(o, Tensor::Full(o.shape(), 1, dtype), {q, k, v});
    for (size_t i = 0; i < 4 * 8; ++i) {
      EXPECT_EQ(Values(o)[i], 0);
      EXPECT_EQ(Values(gradients[0])[i], 0);
    }
  }
}

TEST(Attention, EmptyBatchAndEmptySequencesWork) {
  const Tensor none = Tensor::Zeros({0, 2, 4});
  EXPECT_EQ(Attend(none, none, none, {}).shape(), (Shape{0, 2, 4}));
  const AttentionPattern pattern{.sequences = {{0, 0, {}, {}}, {1, 1, {}, {}}, {0, 3, {}, {}}}};
  const Tensor x = Waves({1, 2, 4}, 0, DType::kF32), kv = Waves({4, 2, 4}, 1, DType::kF32);
  EXPECT_EQ(Values(Attend(x, kv, kv, pattern)), Values(kv.Slice(0, 0, 1).Contiguous()));
}

TEST(Attention, MistakesAreNamed) {
  const Tensor q = Waves({2, 4, 8}, 0), k = Waves({2, 2, 8}, 0);
  const auto message = [](const auto& call) -> std::string {
    try {
      call();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_NE(message([&] {
              Attend(q, Waves({2, 3, 8}, 0), k, OneSequence(2, 2));
            }).find("do not divide"),
            std::string::npos);
  EXPECT_NE(message([&] { Attend(q, k, k, OneSequence(3, 2)); }).find("3 queries"), std::string::npos);
  EXPECT_NE(message([&] { Attend(q, k, k, OneSequence(2, 3)); }).find("3 keys"), std::string::npos);
  EXPECT_NE(message([&] { Attend(q, k, k.To(DType::kF32), OneSequence(2, 2)); }).find("alike"), std::string::npos);
  EXPECT_NE(message([&] { Attend(q, k, Waves({2, 2, 1025}, 0), OneSequence(2, 2)); }).find("1025"), std::string::npos);
  AttentionPattern tree = OneSequence(2, 2);
  tree.sequences[0].tree_parents = {-1, 1};
  EXPECT_NE(message([&] { Attend(q, k, k, tree); }).find("earlier query"), std::string::npos);
  EXPECT_NE(message([&] { Attend(q, k, k, OneSequence(2, 2), {.sinks = Waves({3}, 0)}); }).find("sinks"),
            std::string::npos);
}

TEST(Attention, In8BitsIsNearAndLeavesDerivativesAlone) {
  AttentionPattern pattern = OneSequence(70, 70);
  pattern.causal = false;
  const std::vector<Tensor> x{Waves({70, 2, 16}, 0, DType::kF32), Waves({70, 2, 16}, 1, DType::kF32),
                              Waves({70, 2, 16}, 2, DType::kF32)};
  const AttendOptions eight{.precision = AttendPrecision::kInt8};
  const std::vector<double> exact = Values(Attend(x[0], x[1], x[2], pattern));
  const std::vector<double> near = Values(Attend(x[0], x[1], x[2], pattern, eight));
  for (size_t i = 0; i < exact.size(); ++i) EXPECT_NEAR(near[i], exact[i], 0.02);
  for (size_t i = 0; i < 3; ++i) {
    std::vector<Tensor> y = x;
    y[i] = Variable(x[i]);
    const Tensor o = Attend(y[0], y[1], y[2], pattern, eight);
    EXPECT_EQ(Values(Detach(o)), exact);
    EXPECT_EQ(VectorJacobian(o, Detach(o), {y[i]}).size(), 1);
  }
}

}  // namespace
}  // namespace tessera::ops
