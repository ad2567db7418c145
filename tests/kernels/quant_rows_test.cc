#include "tessera/kernels/quant_rows.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "kernels/quant_data.h"
#include "tessera/core/error.h"
#include "tessera/core/random.h"

namespace tessera::kernels {
namespace {

constexpr DType kReadable[] = {DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1, DType::kQ8_0,   DType::kQ2_K,
                               DType::kQ3_K, DType::kQ4_K, DType::kQ5_K, DType::kQ6_K, DType::kIQ4_NL, DType::kIQ4_XS};
constexpr DType kExactlyWritable[] = {DType::kF16,  DType::kBF16, DType::kQ4_0, DType::kQ4_1,
                                      DType::kQ5_0, DType::kQ5_1, DType::kQ8_0};

TEST(DequantizeRow, GivesTheBitsOfTheGgufPackageForEveryFormat) {
  for (const DType dtype : kReadable) {
    const std::string name(Name(dtype));
    const std::vector<std::byte> blocks = QuantBytes(name + ".blocks");
    const std::vector<float> expected = QuantValues(name + ".values");
    ASSERT_EQ(static_cast<int64_t>(blocks.size()), BytesFor(dtype, static_cast<int64_t>(expected.size())));
    std::vector<float> values(expected.size());
    DequantizeRow(dtype, blocks.data(), values);
    for (size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(std::bit_cast<uint32_t>(values[i]), std::bit_cast<uint32_t>(expected[i])) << name << " value " << i;
    }
  }
}

TEST(DequantizeRow, NeedsNoAlignment) {
  for (const DType dtype : kReadable) {
    const std::string name(Name(dtype));
    std::vector<std::byte> blocks = QuantBytes(name + ".blocks");
    const std::vector<float> expected = QuantValues(name + ".values");
    blocks.insert(blocks.begin(), std::byte{0});
    std::vector<float> values(expected.size());
    DequantizeRow(dtype, blocks.data() + 1, values);
    EXPECT_EQ(values, expected) << name;
  }
}

TEST(QuantizeRow, GivesTheBitsOfTheGgufPackage) {
  const std::vector<float> input = QuantValues("input.values");
  for (const DType dtype : kExactlyWritable) {
    const std::string name(Name(dtype));
    const std::vector<std::byte> expected = QuantBytes(name + ".quantized");
    std::vector<std::byte> row(static_cast<size_t>(BytesFor(dtype, static_cast<int64_t>(input.size()))));
    QuantizeRow(dtype, input, row.data());
    ASSERT_EQ(row.size(), expected.size());
    for (size_t i = 0; i < row.size(); ++i) ASSERT_EQ(row[i], expected[i]) << name << " byte " << i;
  }
}

TEST(QuantizeRow, KeepsF32Bits) {
  const std::vector<float> input = QuantValues("input.values");
  std::vector<float> row(input.size());
  QuantizeRow(DType::kF32, input, reinterpret_cast<std::byte*>(row.data()));
  EXPECT_EQ(row, input);
}

TEST(QuantizeRow, RefusesIntegersAndBrokenBlocks) {
  std::vector<float> values(33);
  std::vector<std::byte> row(1024);
  EXPECT_THROW(QuantizeRow(DType::kI32, values, row.data()), Error);
  EXPECT_THROW(QuantizeRow(DType::kQ4_0, values, row.data()), Error);
  EXPECT_THROW(DequantizeRow(DType::kI32, row.data(), values), Error);
  EXPECT_THROW(DequantizeRow(DType::kQ4_0, row.data(), values), Error);
}

TEST(QuantizeRow, ScalesTooSmallForF16GiveZeros) {
  std::vector<float> values(256, 1e-41f);
  values[3] = -3e-42f;
  values[40] = 1e-45f;
  for (const DType dtype : {DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1, DType::kQ8_0}) {
    std::vector<std::byte> row(static_cast<size_t>(BytesFor(dtype, 256)));
    QuantizeRow(dtype, values, row.data());
    std::vector<float> back(256, 1.0f);
    DequantizeRow(dtype, row.data(), back);
    EXPECT_EQ(back, std::vector<float>(256)) << Name(dtype);
  }
}

TEST(QuantizeRow, OfNoValuesWritesNothing) {
  std::byte sentinel{7};
  QuantizeRow(DType::kQ8_0, {}, &sentinel);
  EXPECT_EQ(sentinel, std::byte{7});
}

}  // namespace
}  // namespace tessera::kernels
