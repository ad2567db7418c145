#include "tessera/kernels/packed_weight.h"

#include <gtest/gtest.h>

#include <cstring>

#include "kernels/product_data.h"
#include "tessera/core/thread_pool.h"

namespace tessera::kernels {
namespace {

std::vector<DType> AllDTypes() {
  std::vector<DType> all = FloatDTypes();
  all.insert(all.end(), BlockDTypes().begin(), BlockDTypes().end());
  return all;
}

TEST(PackedWeight, UnpacksToTheSameBytes) {
  for (const DType dtype : AllDTypes()) {
    SCOPED_TRACE(Name(dtype));
    for (const int64_t rows : {1, 15, 16, 17, 40}) {
      const int64_t cols = IsQuantized(dtype) ? 512 : 37;
      const Tensor w = RandomWeight(rows, cols, 7, dtype);
      const Tensor packed = PackWeight(w);
      const Tensor again = UnpackWeight(packed);
      ASSERT_FALSE(again.packed());
      ASSERT_EQ(again.shape(), w.shape());
      ASSERT_EQ(again.dtype(), dtype);
      EXPECT_EQ(std::memcmp(again.raw(), w.raw(), static_cast<size_t>(w.bytes())), 0) << rows << " rows";
    }
  }
}

TEST(PackedWeight, TakesAboutTheSameBytes) {
  for (const DType dtype : AllDTypes()) {
    const Tensor w = RandomWeight(64, 512, 7, dtype);
    EXPECT_LE(static_cast<double>(PackWeight(w).bytes()), 1.04 * static_cast<double>(w.bytes())) << Name(dtype);
  }
}

TEST(PackedWeight, GivesTheRowsOfTheWeight) {
  for (const DType dtype : AllDTypes()) {
    SCOPED_TRACE(Name(dtype));
    const int64_t cols = IsQuantized(dtype) ? 256 : 33;
    const Tensor w = RandomWeight(21, cols, 3, dtype), packed = PackWeight(w);
    std::vector<float> expected(static_cast<size_t>(3 * cols)), got(expected.size());
    ReadWeightRows(w, 14, 17, expected);
    ReadWeightRows(packed, 14, 17, got);
    EXPECT_EQ(std::memcmp(expected.data(), got.data(), 4 * got.size()), 0);
  }
}

TEST(PackedWeight, HidesItsValuesFromOtherCalls) {
  const Tensor packed = PackWeight(RandomMatrix(32, 8, 1));
  ASSERT_TRUE(packed.packed());
  EXPECT_EQ(packed.shape(), (Shape{32, 8}));
  EXPECT_THROW(packed.data<float>(), Error);
  EXPECT_THROW(packed.Slice(0, 0, 16), Error);
  EXPECT_THROW(packed.Transpose(0, 1), Error);
  EXPECT_THROW(packed.Clone(), Error);
  EXPECT_THROW(packed.To(DType::kF64), Error);
}

TEST(PackedWeight, RowsOutsideAreAnError) {
  std::vector<float> row(8);
  EXPECT_THROW(ReadWeightRow(RandomMatrix(4, 8, 1), 4, row), Error);
  EXPECT_THROW(ReadWeightRow(RandomMatrix(4, 8, 1), -1, row), Error);
  EXPECT_THROW(ReadWeightRow(RandomMatrix(4, 9, 1), 0, row), Error);
}

}  // namespace
}  // namespace tessera::kernels
