// Blocks in the order of the GPU, read back value by value as kernels/cuda/block_weight.h draws it.
#include <gtest/gtest.h>

#include <cstring>

#include "kernels/product_data.h"
#include "tessera/kernels/cuda/block_weight.h"
#include "tessera/kernels/packed_weight.h"

namespace tessera::kernels::cuda {
namespace {

float Half(const std::byte* at) {
  Float16 half;
  std::memcpy(&half, at, 2);
  return static_cast<float>(half);
}

float ValueAt(DType dtype, const BlockWeightLayout& layout, const std::byte* packed, int64_t n, int64_t k) {
  const int64_t blocks = dtype == DType::kQ8_0 ? 2 : 4, block = k / 32, b = block % blocks, t = k % 32 / 8, e = k % 8;
  const std::byte* group = packed + n * layout.row_bytes + block / blocks * kGroupBytes;
  const std::byte* scales = packed + layout.scales_at() + n * layout.scale_row_bytes;
  if (dtype == DType::kQ8_0)
    return Half(scales + 2 * block) * static_cast<float>(static_cast<int8_t>(group[16 * t + 8 * b + e]));
  uint32_t word = 0;
  std::memcpy(&word, group + 16 * t + 4 * b, 4);
  const auto code = static_cast<int>(word >> (4 * (e / 2) + 16 * (e % 2)) & 15);
  if (dtype == DType::kQ4_0) return Half(scales + 2 * block) * static_cast<float>(code - 8);
  return Half(scales + 4 * block) * static_cast<float>(code) + Half(scales + 4 * block + 2);
}

TEST(CudaBlockWeight, HoldsTheValuesOfTheWeight) {
  for (const DType dtype : {DType::kQ8_0, DType::kQ4_0, DType::kQ4_1}) {
    for (const int64_t cols : {32, 64, 96, 128, 160, 512}) {
      SCOPED_TRACE(testing::Message() << Name(dtype) << " " << cols);
      const Tensor w = RandomWeight(67, cols, 3, dtype);
      const BlockWeightLayout layout = LayoutOfBlocks(dtype, 67, cols);
      EXPECT_EQ(layout.row_bytes % kGroupBytes, 0);
      std::vector<std::byte> packed(static_cast<size_t>(layout.bytes()), std::byte{0xff});
      PackBlocks(w, packed.data());
      std::vector<float> expected(static_cast<size_t>(67 * cols));
      ReadWeightRows(w, 0, 67, expected);
      for (int64_t i = 0; i < 67 * cols; ++i)
        ASSERT_EQ(ValueAt(dtype, layout, packed.data(), i / cols, i % cols), expected[static_cast<size_t>(i)]) << i;
      std::vector<std::byte> again(packed.size());
      PackBlocks(PackWeight(w), again.data());  // from the CPU's panels
      EXPECT_EQ(packed, again);
    }
  }
}

TEST(CudaBlockWeight, FillsRowsUpWithZeros) {
  const Tensor w = RandomWeight(2, 32, 3, DType::kQ8_0);
  const BlockWeightLayout layout = LayoutOfBlocks(DType::kQ8_0, 2, 32);
  EXPECT_EQ(layout.bytes(), 2 * (64 + 4));
  std::vector<std::byte> packed(static_cast<size_t>(layout.bytes()), std::byte{0xff});
  PackBlocks(w, packed.data());
  for (int64_t t = 0; t < 4; ++t)
    for (int64_t e = 0; e < 8; ++e) EXPECT_EQ(packed[static_cast<size_t>(64 + 16 * t + 8 + e)], std::byte{0});
  EXPECT_EQ(Half(packed.data() + layout.scales_at() + 2), 0);
}

TEST(CudaBlockWeight, RefusesOtherDTypesAndBrokenBlocks) {
  EXPECT_THROW(LayoutOfBlocks(DType::kQ4_K, 1, 256), Error);
  EXPECT_THROW(LayoutOfBlocks(DType::kQ4_0, 1, 33), Error);
}

}  // namespace
}  // namespace tessera::kernels::cuda
