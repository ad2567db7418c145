#include "tessera/nn/padded_hidden.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "tessera/core/random.h"
#include "tessera/nn/swiglu.h"
#include "tessera/weights/quantize_blocks.h"

namespace tessera::nn {
namespace {

constexpr int64_t kWidth = 64, kHidden = 44;  // no whole number of blocks

Tensor Normal(const Shape& shape, uint64_t stream) {
  Random random(12, stream);
  Tensor x = Tensor::Empty(shape);
  for (float& value : x.mutable_data<float>()) value = static_cast<float>(random.Normal()) / 8;
  return x;
}

// A gated layer as a file of q8_0 has it: the last matrix cannot be in blocks.
struct Layer {
  std::map<std::string, Tensor> tensors{
      {"gate_proj.weight", weights::Quantize(Normal({kHidden, kWidth}, 1), DType::kQ8_0)},
      {"up_proj.weight", weights::Quantize(Normal({kHidden, kWidth}, 2), DType::kQ8_0)},
      {"down_proj.weight", Normal({kWidth, kHidden}, 3).To(DType::kF16)},
      {"gate_proj.bias", Normal({kHidden}, 4)},
      {"up_proj.bias", Normal({kHidden}, 5)},
      {"down_proj.bias", Normal({kWidth}, 6)}};
  Parameters parameters;
  SwiGlu layer;

  explicit Layer(const LoadOptions& options)
      : parameters([this](const std::string& name) { return tensors.contains(name) ? tensors.at(name) : Tensor(); },
                   options),
        layer(Scope(parameters), {.in = kWidth, .hidden = kHidden, .bias = true}) {}
};

TEST(PaddedHidden, GivesWhatTheStoredWidthGivesButForRounding) {
  const Tensor x = Normal({9, kWidth}, 7);
  const Layer plain({.precision = ops::LinearPrecision::kExact}), padded({.pack = true});
  EXPECT_EQ(plain.parameters.Get("down_proj.weight").shape(), Shape({kWidth, kHidden}));
  EXPECT_EQ(padded.parameters.Get("down_proj.weight").shape(), Shape({kWidth, 64}));
  EXPECT_EQ(padded.parameters.Get("down_proj.weight").dtype(), DType::kQ8_0);
  EXPECT_EQ(padded.parameters.Get("up_proj.weight").shape(), Shape({64, kWidth}));
  EXPECT_EQ(padded.parameters.Get("up_proj.bias").shape(), Shape({64}));
  const Tensor a = plain.layer(x), b = padded.layer(x);
  ASSERT_EQ(a.shape(), b.shape());
  double apart = 0, size = 0;
  for (size_t i = 0; i < a.data<float>().size(); ++i) {
    apart += std::pow(a.data<float>()[i] - b.data<float>()[i], 2);
    size += std::pow(a.data<float>()[i], 2);
  }
  EXPECT_LT(std::sqrt(apart / size), 0.02);
  EXPECT_GT(apart, 0);
}

TEST(PaddedHidden, LeavesAloneWhatIsNotAskedToBeFastOrNotInBlocks) {
  const auto width = [](DType dtype, const LoadOptions& options, int64_t hidden) {
    const Tensor plain = Normal({hidden, kWidth}, 1);
    const Tensor weight = IsQuantized(dtype) ? weights::Quantize(plain, dtype) : plain.To(dtype);
    Parameters parameters([&](const std::string& name) { return name == "weight" ? weight : Tensor(); }, options);
    return PaddedHidden(Scope(parameters), hidden);
  };
  EXPECT_EQ(width(DType::kQ8_0, {.pack = true}, 44), 64);
  EXPECT_EQ(width(DType::kQ4_0, {.pack = true}, 65), 96);
  EXPECT_EQ(width(DType::kQ8_0, {.pack = true}, 64), 64);
  EXPECT_EQ(width(DType::kBF16, {.pack = true}, 44), 44);
  EXPECT_EQ(width(DType::kQ8_0, {}, 44), 44);
  EXPECT_EQ(width(DType::kQ8_0, {.pack = true, .precision = ops::LinearPrecision::kExact}, 44), 44);
  EXPECT_EQ(width(DType::kQ8_0, {.weights = DType::kF32, .pack = true}, 44), 44);
  Parameters empty([](const std::string&) { return Tensor(); }, {.pack = true});
  EXPECT_EQ(PaddedHidden(Scope(empty), 44), 44);
}

TEST(PadWithZeros, KeepsEveryValueAndAddsZeros) {
  const Tensor x = Normal({3, 5}, 1), padded = PadWithZeros(x, {4, 5});
  for (size_t i = 0; i < 20; ++i) EXPECT_EQ(padded.data<float>()[i], i < 15 ? x.data<float>()[i] : 0);
  const Tensor vector = PadWithZeros(Normal({3}, 2), {7});
  for (size_t i = 3; i < 7; ++i) EXPECT_EQ(vector.data<float>()[i], 0);
  const Tensor columns = weights::Dequantize(PadWithZeros(x, {3, 32}));
  for (size_t r = 0; r < 3; ++r) {
    for (size_t c = 0; c < 32; ++c)
      EXPECT_NEAR(columns.data<float>()[r * 32 + c], c < 5 ? x.data<float>()[r * 5 + c] : 0, 0.005);
  }
  const Tensor blocks = weights::Quantize(Normal({3, 32}, 3), DType::kQ8_0), rows = PadWithZeros(blocks, {5, 32});
  EXPECT_EQ(rows.dtype(), DType::kQ8_0);
  const Tensor before = weights::Dequantize(blocks), after = weights::Dequantize(rows);
  for (size_t i = 0; i < 160; ++i) EXPECT_EQ(after.data<float>()[i], i < 96 ? before.data<float>()[i] : 0);
  EXPECT_THROW(PadWithZeros(blocks, {3, 64}), Error);
  EXPECT_EQ(PadWithZeros(x, {3, 5}).raw(), x.raw());
}

}  // namespace
}  // namespace tessera::nn
