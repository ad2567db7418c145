#include "tessera/kernels/quant_rows.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

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

std::vector<float> RoundTrip(DType dtype, const std::vector<float>& values) {
  std::vector<std::byte> row(static_cast<size_t>(BytesFor(dtype, static_cast<int64_t>(values.size()))));
  QuantizeRow(dtype, values, row.data());
  std::vector<float> back(values.size());
  DequantizeRow(dtype, row.data(), back);
  return back;
}

// sqrt(Σ (x - x̂)² / Σ x²) of normal deviates.
double RmsErrorOfNormals(DType dtype) {
  std::vector<float> values(256 * 64);
  Random random(11);
  for (float& value : values) value = 0.02f * static_cast<float>(random.Normal());
  const std::vector<float> back = RoundTrip(dtype, values);
  double error = 0, norm = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    error += (double{values[i]} - back[i]) * (double{values[i]} - back[i]);
    norm += double{values[i]} * values[i];
  }
  return std::sqrt(error / norm);
}

// What other implementations of the same formats reach on normal deviates, in 10,000ths: Q6_K 178, Q5_K 361, Q4_K 713,
// Q3_K 1510, Q2_K 2966, IQ4_NL 761, IQ4_XS 767.
TEST(QuantizeRow, SearchedScalesBeatTheUsualErrors) {
  EXPECT_LE(RmsErrorOfNormals(DType::kQ6_K), 0.0177);
  EXPECT_LE(RmsErrorOfNormals(DType::kQ5_K), 0.0356);
  EXPECT_LE(RmsErrorOfNormals(DType::kQ4_K), 0.0713);
  EXPECT_LE(RmsErrorOfNormals(DType::kQ3_K), 0.148);
  EXPECT_LE(RmsErrorOfNormals(DType::kQ2_K), 0.275);
  EXPECT_LE(RmsErrorOfNormals(DType::kIQ4_NL), 0.0755);
  EXPECT_LE(RmsErrorOfNormals(DType::kIQ4_XS), 0.0762);
}

TEST(QuantizeRow, KFormatsLoseLessThanOlderFormatsOfTheSameSize) {
  EXPECT_LT(RmsErrorOfNormals(DType::kQ4_K), RmsErrorOfNormals(DType::kQ4_0));    // 4.5 bits a value
  EXPECT_LT(RmsErrorOfNormals(DType::kQ4_K), RmsErrorOfNormals(DType::kQ4_1));    // against 5
  EXPECT_LT(RmsErrorOfNormals(DType::kIQ4_NL), RmsErrorOfNormals(DType::kQ4_0));  // 4.5
  EXPECT_LT(RmsErrorOfNormals(DType::kQ5_K), RmsErrorOfNormals(DType::kQ5_0));    // 5.5
  EXPECT_LT(RmsErrorOfNormals(DType::kQ5_K), RmsErrorOfNormals(DType::kQ5_1));    // against 6
  EXPECT_LT(RmsErrorOfNormals(DType::kQ6_K), RmsErrorOfNormals(DType::kQ5_K));
}

constexpr DType kSearched[] = {DType::kQ2_K, DType::kQ3_K,   DType::kQ4_K,  DType::kQ5_K,
                               DType::kQ6_K, DType::kIQ4_NL, DType::kIQ4_XS};

TEST(QuantizeRow, SearchKeepsZerosAndNearlyKeepsConstants) {
  for (const DType dtype : kSearched) {
    EXPECT_EQ(RoundTrip(dtype, std::vector<float>(256)), std::vector<float>(256)) << Name(dtype);
    for (const float constant : {0.75f, -3.5f, 1000.0f, -0.01f}) {
      for (const float back : RoundTrip(dtype, std::vector<float>(256, constant))) {
        ASSERT_NEAR(back, constant, 0.01f * std::fabs(constant)) << Name(dtype);
      }
    }
  }
}

TEST(QuantizeRow, SearchKeepsALoneSpike) {
  for (const DType dtype : kSearched) {
    for (const size_t place : {0, 17, 255}) {
      for (const float spike : {7.25f, -7.25f}) {
        std::vector<float> values(256);
        values[place] = spike;
        const std::vector<float> back = RoundTrip(dtype, values);
        const float bound = 0.02f + std::fabs(spike) / 127;  // the IQ4 formats have no level 0, only 1 of 127
        for (size_t i = 0; i < 256; ++i) ASSERT_NEAR(back[i], values[i], bound) << Name(dtype) << " value " << i;
      }
    }
  }
}

TEST(QuantizeRow, SearchCopesWithTinyHugeAndBrokenValues) {
  for (const DType dtype : kSearched) {
    for (const float size : {1e-45f, 1e-41f, 1e-30f, 1e-7f, 65504.0f, 1e19f, 3e38f, HUGE_VALF, NAN}) {
      std::vector<float> values(256);
      for (size_t i = 0; i < 256; ++i) values[i] = (i % 3 == 0 ? -1.0f : 0.5f) * size;
      const std::vector<float> back = RoundTrip(dtype, values);  // the sanitizers watch
      if (size < 1e-10f) {
        EXPECT_EQ(back, std::vector<float>(256)) << Name(dtype);
      }
      if (size == 65504.0f) {
        for (size_t i = 0; i < 256; ++i) ASSERT_NEAR(back[i], values[i], 0.2f * size) << Name(dtype);
      }
    }
  }
}

TEST(QuantizeRow, OfNoValuesWritesNothing) {
  std::byte sentinel{7};
  QuantizeRow(DType::kQ8_0, {}, &sentinel);
  EXPECT_EQ(sentinel, std::byte{7});
}

}  // namespace
}  // namespace tessera::kernels
