#include "tessera/kernels/feed_forward.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <span>

#include "kernels/for_each_isa.h"
#include "kernels/product_data.h"
#include "tessera/core/thread_pool.h"
#include "tessera/kernels/gather.h"
#include "tessera/kernels/packed_weight.h"

namespace tessera::kernels {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

void ExpectSameBits(const Tensor& y, const Tensor& expected) {
  ASSERT_EQ(y.shape(), expected.shape());
  ASSERT_EQ(y.dtype(), expected.dtype());
  EXPECT_EQ(std::memcmp(y.raw(), expected.raw(), static_cast<size_t>(y.bytes())), 0);
}

// The two products, one after the other.
Tensor Plain(const Tensor& x, const FeedForwardWeights& w, ProductPrecision precision = ProductPrecision::kFast) {
  return Product(ProductSiluMul(x, w.gate, w.up, precision), w.down, precision);
}

struct Sizes {
  int64_t inputs = 256, hidden = 256, outputs = 35;
};
FeedForwardWeights RandomLayer(const Sizes& sizes, uint64_t seed, DType dtype, DType down) {
  return {.gate = RandomWeight(sizes.hidden, sizes.inputs, seed, dtype),
          .up = RandomWeight(sizes.hidden, sizes.inputs, seed + 1, dtype),
          .down = RandomWeight(sizes.outputs, sizes.hidden, seed + 2, down)};
}
FeedForwardWeights Packed(const FeedForwardWeights& w) {
  return {.gate = PackWeight(w.gate), .up = PackWeight(w.up), .down = PackWeight(w.down)};
}

TEST(ProductSwiGlu, IsItsProductsBitForBit) {
  ForEachIsa([](Isa) {
    std::vector<std::pair<DType, DType>> cases = {{DType::kQ4_K, DType::kQ6_K}, {DType::kQ4_0, DType::kBF16}};
    for (const DType dtype : FloatDTypes()) cases.emplace_back(dtype, dtype);
    for (const DType dtype : BlockDTypes()) cases.emplace_back(dtype, dtype);
    const Tensor a = RandomMatrix(29, 256, 1);
    for (const auto& [dtype, down] : cases) {
      SCOPED_TRACE(testing::Message() << Name(dtype) << ", " << Name(down));
      const FeedForwardWeights plain = RandomLayer({}, 2, dtype, down), packed = Packed(plain);
      for (const int64_t rows : {0, 1, 2, 12, 13, 29}) {
        const Tensor x = a.Slice(0, 0, rows);
        const Tensor expected = Plain(x, plain);
        ExpectSameBits(ProductSwiGlu(x, plain), expected);
        ExpectSameBits(ProductSwiGlu(x, packed), expected);
      }
    }
  });
}

TEST(ProductSwiGlu, OfManyPanelsAndThreadsIsTheSame) {
  const Sizes sizes{.inputs = 5120, .hidden = 1120, .outputs = 70};  // more than a tile of K; panels of all pieces
  for (const int64_t inputs : {int64_t{64}, sizes.inputs}) {
    const FeedForwardWeights w = RandomLayer({inputs, sizes.hidden, sizes.outputs}, 2, DType::kQ4_1, DType::kQ8_0);
    const Tensor x = RandomMatrix(77, inputs, 1);
    const Tensor expected = Plain(x, w);
    const int threads = ThreadCount();
    for (const int count : {1, 2, 5}) {
      SetThreadCount(count);
      ExpectSameBits(ProductSwiGlu(x, Packed(w)), expected);
      ExpectSameBits(ProductSwiGlu(x.Slice(0, 0, 1), Packed(w)), expected.Slice(0, 0, 1));
    }
    SetThreadCount(threads);
  }
}

TEST(ProductSwiGlu, ExactKeepsEveryBitOfTheMiddle) {
  const FeedForwardWeights w = RandomLayer({}, 2, DType::kQ4_0, DType::kQ4_0);
  const Tensor x = RandomMatrix(5, 256, 1);
  const Tensor exact = ProductSwiGlu(x, w, ProductPrecision::kExact);
  ExpectSameBits(exact, Plain(x, w, ProductPrecision::kExact));
  EXPECT_NE(std::memcmp(exact.raw(), ProductSwiGlu(x, w).raw(), static_cast<size_t>(exact.bytes())), 0);
}

TEST(ProductSwiGlu, WhatIsNotFiniteStaysInItsRow) {
  ForEachIsa([](Isa) {
    const FeedForwardWeights w = Packed(RandomLayer({}, 2, DType::kQ4_0, DType::kQ4_0));
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      Tensor x = RandomMatrix(8, 256, 1);
      const Tensor clean = ProductSwiGlu(x, w);
      x.mutable_data<float>()[3 * 256 + 17] = bad;
      const Tensor y = ProductSwiGlu(x, w);
      for (size_t i = 0; i < y.data<float>().size(); ++i) {
        if (i / 35 == 3) {
          EXPECT_TRUE(std::isnan(y.data<float>()[i]));
        } else {
          EXPECT_EQ(y.data<float>()[i], clean.data<float>()[i]);
        }
      }
    }
  });
}

// All parts at once give what each gives alone, and nothing besides; returns how many rows that are.
int64_t ExpectEachAsIfAlone(const Tensor& x, std::span<const FeedForwardPart> parts) {
  const Tensor y = ProductSwiGluEach(x, parts);
  int64_t begin = 0;
  for (const FeedForwardPart& part : parts) {
    const int64_t end = begin + std::ssize(part.rows);
    ExpectSameBits(y.Slice(0, begin, end), ProductSwiGlu(GatherRows(x, part.rows), part.weights));
    begin = end;
  }
  EXPECT_EQ(begin, y.dim(0));
  return begin;
}

TEST(ProductSwiGluEach, GivesEachPartTheRowsOfItsOwn) {
  ForEachIsa([](Isa) {
    const Tensor x = RandomMatrix(40, 256, 1);
    std::vector<int64_t> many, none;
    for (int64_t i = 0; i < 33; ++i) many.push_back((i * 7) % 40);
    for (const DType dtype : {DType::kQ4_0, DType::kQ6_K, DType::kBF16, DType::kF32, DType::kQ2_K}) {
      SCOPED_TRACE(Name(dtype));
      std::vector<FeedForwardPart> parts;
      for (const std::vector<int64_t>& rows :
           {std::vector<int64_t>{5}, std::vector<int64_t>{5}, none, many, std::vector<int64_t>{39, 0, 39}})
        parts.push_back({Packed(RandomLayer({}, 10 * parts.size() + 1, dtype, dtype)), rows});
      ExpectEachAsIfAlone(x, parts);
    }
  });
}

// As experts have it: most rows are chosen several times, and their codes are copied instead of made again.
TEST(ProductSwiGluEach, RowsThatManyPartsChooseAreTheSameInEach) {
  ForEachIsa([](Isa) {
    const Tensor x = RandomMatrix(19, 256, 1);
    for (const DType dtype : {DType::kQ4_0, DType::kQ4_1, DType::kQ6_K, DType::kQ2_K}) {
      SCOPED_TRACE(Name(dtype));
      std::vector<FeedForwardPart> parts;
      for (size_t e = 0; e < 5; ++e) {
        std::vector<int64_t> rows;
        for (int64_t t = 0; t < 19; ++t)
          if ((static_cast<size_t>(t) * 3 + e) % 4 != 0) rows.push_back(t);
        parts.push_back({Packed(RandomLayer({}, 10 * e + 1, dtype, dtype)), rows});
      }
      EXPECT_GT(ExpectEachAsIfAlone(x, parts), 2 * x.dim(0));
    }
  });
}

// One row: the panels of all parts are shared out as one line, whose cuts fall inside parts of any width.
TEST(ProductSwiGluEach, PartsOfSeveralWidthsAreSharedByAnyNumberOfThreads) {
  const Tensor x = RandomMatrix(1, 256, 1);
  std::vector<FeedForwardPart> parts;
  for (const int64_t hidden : {32, 704, 1408, 96, 2816, 32})
    parts.push_back({Packed(RandomLayer({.hidden = hidden}, 10 * parts.size() + 1, DType::kQ4_0, DType::kQ8_0)), {0}});
  const int threads = ThreadCount();
  for (const int count : {1, 2, 3, 7, 64}) {
    SetThreadCount(count);
    for (const FeedForwardPart& part : parts) ExpectSameBits(ProductSwiGlu(x, part.weights), Plain(x, part.weights));
    ExpectEachAsIfAlone(x, parts);
  }
  SetThreadCount(threads);
}

// One kind of layer among them that integers do not multiply.
TEST(ProductSwiGluEach, PartsOfSeveralKindsAreMultipliedAllTheSame) {
  const Tensor x = RandomMatrix(6, 256, 1);
  const std::vector<FeedForwardPart> parts = {{RandomLayer({}, 1, DType::kQ4_0, DType::kQ4_0), {0, 3}},
                                              {RandomLayer({}, 4, DType::kF32, DType::kQ4_0), {1}},
                                              {RandomLayer({}, 7, DType::kQ4_0, DType::kQ4_0), {2, 3, 4, 5}}};
  const Tensor y = ProductSwiGluEach(x, parts);
  ExpectSameBits(y.Slice(0, 2, 3), Plain(x.Slice(0, 1, 2), parts[1].weights));
  ExpectSameBits(y.Slice(0, 3, 7), Plain(x.Slice(0, 2, 6), parts[2].weights));
}

TEST(ProductSwiGluEach, WhatDoesNotFitIsRefused) {
  const Tensor x = RandomMatrix(4, 256, 1);
  const FeedForwardWeights w = RandomLayer({}, 1, DType::kQ4_0, DType::kQ4_0);
  const auto with_rows = [&](const std::vector<int64_t>& rows) {
    return [&x, parts = std::vector<FeedForwardPart>{{w, rows}}] { ProductSwiGluEach(x, parts); };
  };
  EXPECT_THAT(with_rows({0, 4}), ThrowsMessage<Error>(HasSubstr("feed_forward: row 4 of 4")));
  EXPECT_THAT(with_rows({-1}), ThrowsMessage<Error>(HasSubstr("row -1")));
  EXPECT_THROW(ProductSwiGluEach(x, {}), Error);
  EXPECT_THROW(ProductSwiGlu(x.To(DType::kBF16), w), Error);
  EXPECT_THROW(ProductSwiGlu(x, {w.gate, w.up, RandomWeight(35, 128, 1, DType::kQ4_0)}), Error);
  EXPECT_THROW(ProductSwiGlu(x, {w.gate, w.down, w.down}), Error);
}

}  // namespace
}  // namespace tessera::kernels
