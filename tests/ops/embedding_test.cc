#include "tessera/ops/embedding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "ops/check_derivatives.h"
#include "tessera/kernels/quant_rows.h"
#include "tessera/ops/differentiable.h"
#include "tessera/ops/elementwise.h"
#include "tessera/ops/linear.h"

namespace tessera::ops {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;
using Inputs = std::vector<Tensor>;

TEST(Embedding, Derivatives) {
  const Tensor ids = Tensor::From<int64_t>({2, 0, 2}, {3});
  CheckDerivatives([&](const Inputs& in) { return Embedding(in[0], ids); }, {Normal({4, 3})});
}

TEST(Embedding, LooksUpRowsByEitherIntegerType) {
  const Tensor table = Tensor::From<float>({1, 2, 3, 4, 5, 6}, {3, 2});
  EXPECT_THAT(Embedding(table, Tensor::From<int64_t>({2, 0}, {2})).data<float>(), ElementsAre(5, 6, 1, 2));
  EXPECT_THAT(Embedding(table, Tensor::From<int32_t>({1}, {1})).data<float>(), ElementsAre(3, 4));
  EXPECT_EQ(Embedding(table, Tensor::Zeros({0}, DType::kI32)).shape(), (Shape{0, 2}));
}

TEST(Embedding, GradientOfALowPrecisionTableIsSummedInF32) {
  const Tensor table = Variable(Tensor::Zeros({2, 1}, DType::kBF16));
  const Tensor y = Embedding(table, Tensor::Zeros({1024}, DType::kI64));
  const Tensor gradient = VectorJacobian(y, Tensor::Full({1024, 1}, 1, DType::kBF16), {table})[0];
  EXPECT_EQ(static_cast<float>(gradient.data<BFloat16>()[0]), 1024);  // a bf16 sum would stop at 256
  EXPECT_EQ(static_cast<float>(gradient.data<BFloat16>()[1]), 0);
}

TEST(Embedding, RowsOfBlockFormatsComeAsF32) {
  for (DType dtype : {DType::kQ4_1, DType::kQ8_0, DType::kQ6_K}) {
    const Tensor values = Cast(Normal({3, 256}), DType::kF32);
    Tensor table = Tensor::Empty({3, 256}, dtype);
    const int64_t row_bytes = BytesFor(dtype, 256);
    for (int64_t v = 0; v < 3; ++v)
      kernels::QuantizeRow(dtype, values.data<float>().subspan(v * 256, 256), table.mutable_raw() + v * row_bytes);
    const Tensor y = Embedding(table, Tensor::From<int32_t>({2, 0}, {2}));
    ASSERT_EQ(y.dtype(), DType::kF32);
    std::vector<float> expected(256);
    kernels::DequantizeRow(dtype, table.raw() + 2 * row_bytes, expected);
    EXPECT_THAT(y.data<float>().first(256), testing::ElementsAreArray(expected));
    kernels::DequantizeRow(dtype, table.raw(), expected);
    EXPECT_THAT(y.data<float>().last(256), testing::ElementsAreArray(expected));
  }
}

TEST(Embedding, RowsOfAPackedWeightAreThoseOfTheWeight) {
  const Tensor ids = Tensor::From<int64_t>({20, 0, 7}, {3});
  for (DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) {
    const Tensor table = Cast(Normal({21, 64}), dtype);
    const Tensor plain = Embedding(table, ids), packed = Embedding(PackWeight(table), ids);
    ASSERT_EQ(packed.dtype(), dtype);
    EXPECT_EQ(std::memcmp(plain.raw(), packed.raw(), static_cast<size_t>(plain.bytes())), 0);
  }
}

TEST(Embedding, IdsOutsideTheTableAreRefused) {
  EXPECT_THAT(
      [] {
        Embedding(Tensor::Zeros({3, 2}), Tensor::From<int32_t>({0, 3}, {2}));
      },
      ThrowsMessage<Error>(HasSubstr("embedding: index 3 at place 1 is outside 0 … 2")));
  EXPECT_THROW(Embedding(Tensor::Zeros({3, 2}), Tensor::Zeros({1})), Error);
}

}  // namespace
}  // namespace tessera::ops
