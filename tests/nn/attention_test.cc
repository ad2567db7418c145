#include "tessera/nn/attention.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <string>

#include "kernels/for_each_isa.h"
#include "tessera/core/random.h"
#include "tessera/ops/differentiable.h"
#include "tessera/weights/quantize_blocks.h"

namespace tessera::nn {
namespace {

Tensor Normal(const Shape& shape, uint64_t stream) {
  Random random(11, stream);
  Tensor x = Tensor::Empty(shape);
  for (float& value : x.mutable_data<float>()) value = static_cast<float>(random.Normal());
  return x;
}

constexpr GroupedAttentionShape kShape{.hidden = 16, .heads = 4, .kv_heads = 2, .head_dim = 8, .out_bias = true};

struct Layer {
  std::map<std::string, Tensor> tensors{{"q_proj.weight", Normal({32, 16}, 1)},
                                        {"k_proj.weight", Normal({16, 16}, 2)},
                                        {"v_proj.weight", Normal({16, 16}, 3)},
                                        {"o_proj.weight", Normal({16, 32}, 4)},
                                        {"o_proj.bias", Normal({16}, 5)}};
  Parameters parameters{[this](const std::string& name) { return tensors.at(name); }, {}};
  Rope rope{RopeConfig{.rotary_dim = 8}, ops::RotaryLayout::kHalves};
  GroupedAttention attention{Scope(parameters), kShape, rope};

  Tensor operator()(const Tensor& x, const Context& context) const {
    const RotaryTables tables = rope.Tables(context);
    return attention(x, {.pass = context, .rotary = tables});
  }
};

TEST(GroupedAttention, CachedTokenByTokenEqualsAllAtOnceInEveryBit) {
  const Layer layer;
  const Tensor x = Normal({70, 16}, 6);
  const Tensor whole = layer(x, PlainContext(std::array<int64_t, 1>{70}));

  const kernels::KvPageFormat format{.dtype = DType::kF32, .kv_heads = 2, .key_dim = 8, .value_dim = 8};
  Tensor memory = Tensor::Zeros({2 * format.page_bytes()}, DType::kU8);
  const std::array<kernels::KvPages, 1> pages{{{.format = format, .base = memory.mutable_raw(), .page_count = 2}}};
  for (int64_t t = 0; t < 70; ++t) {
    const std::array<int64_t, 1> slots{t < 64 ? 64 + t : t - 64};  // page 1 first, then page 0
    Context context;
    context.positions = Tensor::From<int64_t>({t}, {1});
    context.pattern.sequences = {{.query_count = 1, .key_count = t + 1, .pages = {1, 0}}};
    context.cache = KvView{pages, slots};
    const Tensor row = layer(x.Slice(0, t, t + 1).Contiguous(), context);
    for (int64_t i = 0; i < 16; ++i)
      ASSERT_EQ(row.data<float>()[static_cast<size_t>(i)], whole.data<float>()[static_cast<size_t>(t * 16 + i)]) << t;
  }
}

TEST(GroupedAttention, DependsOnDistancesNotOnPositions) {
  const Layer layer;
  const Tensor x = Normal({5, 16}, 7);
  Context near = PlainContext(std::array<int64_t, 1>{5}), far = near;
  far.positions = Tensor::From<int64_t>({100, 101, 102, 103, 104}, {5});
  const Tensor a = layer(x, near), b = layer(x, far);
  for (size_t i = 0; i < 80; ++i) EXPECT_NEAR(a.data<float>()[i], b.data<float>()[i], 1e-3f);
  far.positions = Tensor::From<int64_t>({0, 2, 4, 6, 8}, {5});
  const Tensor c = layer(x, far);
  float change = 0;
  for (size_t i = 0; i < 80; ++i) change = std::max(change, std::abs(a.data<float>()[i] - c.data<float>()[i]));
  EXPECT_GT(change, 0.01f);
}

TEST(GroupedAttention, ACacheRefusesDerivatives) {
  Layer layer;
  layer.parameters.MakeVariables();
  Context context = PlainContext(std::array<int64_t, 1>{1});
  context.cache = KvView{};
  EXPECT_THROW(layer(Normal({1, 16}, 8), context), Error);
}

constexpr int64_t kRows = 40;
const ops::AttentionPattern kAmongAll{.sequences = {{kRows, kRows, {}, {}}}, .causal = false};

// A projection whose weight has a dtype, and what attention makes of q, k and v that it is said to have made.
Tensor AttendAfter(DType weight, ops::LinearPrecision precision, const std::array<Tensor, 3>& qkv,
                   const ops::AttentionPattern& pattern = kAmongAll) {
  const Tensor plain = Normal({32, 32}, 9),
               matrix = IsQuantized(weight) ? weights::Quantize(plain, weight) : plain.To(weight);
  Parameters parameters{[&](const std::string&) { return matrix; }, {.precision = precision}};
  const Linear projection(Scope(parameters), {.in = 32, .out = 32});
  return AttendAsProjected(projection, qkv[0], qkv[1], qkv[2], pattern);
}

std::string Bytes(const Tensor& x) {
  return std::string(reinterpret_cast<const char*>(x.raw()), static_cast<size_t>(x.bytes()));
}

TEST(AttendAsProjected, RoundsToBf16WhereTheProjectionRoundsAndNowhereElse) {
  const std::array<Tensor, 3> qkv{Normal({kRows, 2, 16}, 1), Normal({kRows, 2, 16}, 2), Normal({kRows, 2, 16}, 3)};
  std::array<Tensor, 3> rounded = qkv;
  for (Tensor& x : rounded) x = x.To(DType::kBF16);
  ForEachIsa([&](Isa isa) {
    const std::string exact = Bytes(ops::Attend(qkv[0], qkv[1], qkv[2], kAmongAll));
    const std::string narrow = Bytes(ops::Attend(rounded[0], rounded[1], rounded[2], kAmongAll).To(DType::kF32));
    const std::string& fast = isa == Isa::kAvx512Bf16 ? narrow : exact;
    EXPECT_NE(exact, narrow);
    EXPECT_EQ(Bytes(AttendAfter(DType::kBF16, ops::LinearPrecision::kFast, qkv)), fast);
    EXPECT_EQ(Bytes(AttendAfter(DType::kBF16, ops::LinearPrecision::kExact, qkv)), exact);
    EXPECT_EQ(Bytes(AttendAfter(DType::kF32, ops::LinearPrecision::kFast, qkv)), exact);
    const std::array<Tensor, 3> tracked{ops::Variable(qkv[0]), qkv[1], qkv[2]};
    EXPECT_EQ(Bytes(ops::Detach(AttendAfter(DType::kBF16, ops::LinearPrecision::kFast, tracked))), exact);
  });
}

TEST(AttendAsProjected, MultipliesIn8BitsWhereTheProjectionDoesAndThePatternAllows) {
  const std::array<Tensor, 3> qkv{Normal({kRows, 2, 16}, 1), Normal({kRows, 2, 16}, 2), Normal({kRows, 2, 16}, 3)};
  const auto attend = [&](const ops::AttentionPattern& pattern, ops::AttendPrecision precision) {
    return Bytes(ops::Attend(qkv[0], qkv[1], qkv[2], pattern, {.precision = precision}));
  };
  ops::AttentionPattern causal = kAmongAll;
  causal.causal = true;
  ForEachIsa([&](Isa isa) {
    const std::string exact = attend(kAmongAll, ops::AttendPrecision::kOperands);
    const std::string eight = attend(kAmongAll, ops::AttendPrecision::kInt8);
    EXPECT_EQ(exact != eight, isa == Isa::kAvx512Vnni || isa == Isa::kAvx512Bf16);
    EXPECT_EQ(Bytes(AttendAfter(DType::kQ8_0, ops::LinearPrecision::kFast, qkv)), eight);
    EXPECT_EQ(Bytes(AttendAfter(DType::kQ8_0, ops::LinearPrecision::kExact, qkv)), exact);
    EXPECT_EQ(Bytes(AttendAfter(DType::kQ8_0, ops::LinearPrecision::kFast, qkv, causal)),
              Bytes(AttendAfter(DType::kBF16, ops::LinearPrecision::kFast, qkv, causal)));
    const std::array<Tensor, 3> tracked{qkv[0], ops::Variable(qkv[1]), qkv[2]};
    EXPECT_EQ(Bytes(ops::Detach(AttendAfter(DType::kQ8_0, ops::LinearPrecision::kFast, tracked))), exact);
  });
}

}  // namespace
}  // namespace tessera::nn
