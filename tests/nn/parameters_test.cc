#include "tessera/nn/parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "kernels/for_each_isa.h"
#include "tessera/nn/linear.h"
#include "tessera/nn/norm.h"
#include "tessera/ops/differentiable.h"
#include "tessera/weights/quantize_blocks.h"

namespace tessera::nn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

struct Store {
  std::map<std::string, Tensor> tensors;
  Parameters::Find find = [this](const std::string& name) {
    const auto found = tensors.find(name);
    return found == tensors.end() ? Tensor() : found->second;
  };
};

TEST(Scope, NamesChildrenLikeTheCheckpoint) {
  Store store{{{"model.layers.3.weight", Tensor::Zeros({2})}}};
  Parameters parameters(store.find, {});
  const Scope s = Scope(parameters) / "model" / "layers" / 3;
  EXPECT_TRUE(s.Has("weight"));
  EXPECT_FALSE(s.Has("bias"));
  EXPECT_TRUE(s.Vector("weight", {2}));
  EXPECT_THAT(parameters.names(), ElementsAre("model.layers.3.weight"));
}

TEST(Parameters, MissingAndWronglyShapedTensorsAreNamed) {
  Store store{{{"a.weight", Tensor::Zeros({2, 3})}, {"ids", Tensor::Zeros({2}, DType::kI64)}}};
  Parameters parameters(store.find, {});
  EXPECT_THAT(
      [&] {
        parameters.Matrix("b.weight", {2, 3});
      },
      ThrowsMessage<Error>(AllOf(HasSubstr("\"b.weight\""), HasSubstr("[2, 3]"), HasSubstr("missing"))));
  EXPECT_THAT(
      [&] {
        parameters.Matrix("a.weight", {3, 3});
      },
      ThrowsMessage<Error>(AllOf(HasSubstr("\"a.weight\""), HasSubstr("[2, 3]"), HasSubstr("[3, 3]"))));
  EXPECT_THAT([&] { parameters.Vector("ids", {2}); }, ThrowsMessage<Error>(HasSubstr("i64")));
  EXPECT_TRUE(parameters.names().empty());
}

// Where pairs of bf16 are multiplied, and only for inference at full speed.
TEST(Parameters, F16MatricesBecomeBf16WhereTheyLoseNothing) {
  Store store{
      {{"from_bf16", Tensor::Full({4, 4}, 1.5, DType::kF16)}, {"fine", Tensor::Full({4, 4}, 0.1, DType::kF16)}}};
  const auto dtype = [&](const char* name, const LoadOptions& options) {
    Parameters parameters(store.find, options);
    return (*parameters.Matrix(name, {4, 4})).dtype();
  };
  ForEachIsa([&](Isa isa) {
    const DType narrowed = isa == Isa::kAvx512Bf16 ? DType::kBF16 : DType::kF16;
    EXPECT_EQ(dtype("from_bf16", {.pack = true}), narrowed);
    EXPECT_EQ(dtype("from_bf16", {.pack = true, .pack_later = true}), narrowed);
    EXPECT_EQ(dtype("fine", {.pack = true}), DType::kF16);
    EXPECT_EQ(dtype("from_bf16", {}), DType::kF16);
    EXPECT_EQ(dtype("from_bf16", {.pack = true, .precision = ops::LinearPrecision::kExact}), DType::kF16);
  });
}

TEST(Parameters, VectorsTakeTheActivationsDTypeAndMatricesTheirOwn) {
  Store store{{{"norm", Tensor::Full({4}, 2, DType::kBF16)}, {"w", Tensor::Full({4, 4}, 2, DType::kBF16)}}};
  Parameters kept(store.find, {});
  EXPECT_EQ((*kept.Vector("norm", {4})).dtype(), DType::kF32);
  EXPECT_EQ((*kept.Matrix("w", {4, 4})).dtype(), DType::kBF16);
  Parameters f32(store.find, {.weights = DType::kF32});
  EXPECT_EQ((*f32.Matrix("w", {4, 4})).dtype(), DType::kF32);
}

TEST(Parameters, BlockFormatsAreDequantisedOnRequest) {
  const Tensor w = Tensor::Full({2, 32}, 1.5);
  Store store{{{"w", weights::Quantize(w, DType::kQ8_0)}}};
  Parameters kept(store.find, {});
  EXPECT_EQ((*kept.Matrix("w", {2, 32})).dtype(), DType::kQ8_0);
  EXPECT_THROW(kept.MakeVariables(), Error);
  Parameters f32(store.find, {.weights = DType::kF32});
  EXPECT_NEAR((*f32.Matrix("w", {2, 32})).data<float>()[5], 1.5f, 0.01f);
}

TEST(Parameters, MatricesArePackedAtOnceOrWhenPackIsCalled) {
  Store store{{{"w", Tensor::Full({4, 4}, 2)}, {"table", Tensor::Full({4, 4}, 2)}, {"norm", Tensor::Full({4}, 2)}}};
  Parameters at_once(store.find, {.pack = true});
  EXPECT_TRUE((*at_once.Matrix("w", {4, 4})).packed());
  Parameters later(store.find, {.pack = true, .pack_later = true});
  const Parameter w = later.Matrix("w", {4, 4}), table = later.Table("table", {4, 4});
  later.Vector("norm", {4});
  EXPECT_FALSE((*w).packed());
  EXPECT_THROW(later.MakeVariables(), Error);  // it is for inference already
  later.Pack();
  EXPECT_TRUE((*w).packed());
  EXPECT_FALSE((*table).packed());
  later.Set("w", Tensor::Full({4, 4}, 3));
  later.Pack();  // only what was put off, and only once
  EXPECT_FALSE((*w).packed());
}

TEST(Parameters, ANewValueReachesTheLayerThatHoldsTheWeight) {
  Store store{{{"norm.weight", Tensor::Full({2}, 1)}}};
  Parameters parameters(store.find, {});
  const RmsNorm norm(Scope(parameters) / "norm", 2, 0);
  const Tensor x = Tensor::From<float>({3, 3}, {1, 2});
  EXPECT_THAT(norm(x).data<float>(), ElementsAre(1, 1));
  parameters.Set("norm.weight", Tensor::Full({2}, 5));
  EXPECT_THAT(norm(x).data<float>(), ElementsAre(5, 5));
  EXPECT_THROW(parameters.Set("norm.weight", Tensor::Full({3}, 5)), Error);
  EXPECT_THROW(parameters.Set("other", Tensor::Full({2}, 5)), Error);
}

TEST(Parameters, TiedLayersShareOneVariable) {
  Store store{{{"e.weight", Tensor::Full({2, 2}, 1)}}};
  Parameters parameters(store.find, {});
  const Linear first(Scope(parameters) / "e", {.in = 2, .out = 2}), second = first;
  const std::vector<Tensor> variables = parameters.MakeVariables();
  const Tensor y = second(first(Tensor::From<float>({1, 2}, {1, 2})));
  const std::vector<Tensor> gradients = ops::VectorJacobian(y, Tensor::From<float>({1, 0}, {1, 2}), variables);
  // y_0 = w00 (w00 + 2 w01) + w01 (w10 + 2 w11) at w = 1
  EXPECT_THAT(gradients.at(0).data<float>(), ElementsAre(4, 5, 1, 2));
}

TEST(Parameters, OptionsThatNoKernelComputesAreRefused) {
  Store store;
  EXPECT_THROW(Parameters(store.find, {.activations = DType::kI64}), Error);
  EXPECT_THROW(Parameters(store.find, {.weights = DType::kQ4_0}), Error);
}

}  // namespace
}  // namespace tessera::nn
