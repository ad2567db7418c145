#include "tessera/kernels/packed_weight.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "kernels/for_each_isa.h"
#include "kernels/product_data.h"
#include "tessera/core/mapped_file.h"
#include "tessera/core/thread_pool.h"
#include "tessera/kernels/panel_records.h"
#include "tessera/kernels/reference/pack_records.h"
#include "tests/weights/temporary_folder.h"

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

// Random bytes, NaN scales among them: packing moves bits and reads no number.
TEST(PackedWeight, EveryInstructionSetPacksLikeThePlainForm) {
  for (const DType dtype : BlockDTypes()) {
    if (!HasIntegerPanels(dtype)) continue;
    SCOPED_TRACE(Name(dtype));
    for (const int64_t cols : {256, 512, 2304}) {
      const int64_t row_bytes = BytesFor(dtype, cols), panel_bytes = PanelBytes(dtype, cols);
      Random random(static_cast<uint64_t>(cols));
      std::vector<std::byte> bytes(static_cast<size_t>(16 * row_bytes));
      for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.Next() & 255);
      for (const int rows : {1, 2, 7, 15, 16}) {
        PanelSource source = {};
        for (int row = 0; row < rows; ++row) source[static_cast<size_t>(row)] = bytes.data() + row * row_bytes;
        std::vector<uint8_t> expected(static_cast<size_t>(panel_bytes), 1), packed(expected.size(), 2);
        reference::PackRecords(dtype, source, 0, cols / kBlockValues, expected.data());
        ForEachIsa([&](Isa) {
          PackRecords(dtype, source, 0, cols / kBlockValues, packed.data());
          EXPECT_EQ(packed, expected) << rows << " rows of " << cols;
        });
        // The last super-block alone.
        const int64_t first = cols / kBlockValues - kSuperRecords;
        const auto skipped = static_cast<size_t>(PanelFormatOf(dtype).offset(first));
        std::vector<uint8_t> part(packed.size() - skipped);
        PackRecords(dtype, source, first, cols / kBlockValues, part.data());
        EXPECT_TRUE(std::equal(part.begin(), part.end(), expected.begin() + static_cast<std::ptrdiff_t>(skipped)));
      }
    }
  }
}

TEST(PackedWeight, FloatPanelsLieAsDrawnOnEveryInstructionSet) {
  for (const DType dtype : FloatDTypes()) {
    SCOPED_TRACE(Name(dtype));
    const int64_t size = Info(dtype).block_bytes;
    for (const int64_t rows : {1, 15, 16, 33}) {
      for (const int64_t cols : {1, 2, 3, 4, 7, 8, 9, 16, 37, 64}) {
        const Tensor w = RandomWeight(rows, cols, 7, dtype);
        ForEachIsa([&](Isa) {
          const Tensor packed = PackWeight(w);
          for (int64_t r = 0; r < rows; ++r) {
            for (int64_t k = 0; k < cols; ++k) {
              const int64_t lane = r % kPanelRows, panel = r / kPanelRows * PanelBytes(dtype, cols);
              const int64_t place = dtype == DType::kBF16 ? k / 2 * 32 + 2 * lane + k % 2 : k * 16 + lane;
              ASSERT_EQ(std::memcmp(packed.raw() + panel + place * size, w.raw() + (r * cols + k) * size,
                                    static_cast<size_t>(size)),
                        0)
                  << "row " << r << " of " << rows << ", value " << k << " of " << cols;
            }
          }
        });
      }
    }
  }
}

TEST(PackedWeight, OfAMappedFileIsReadFromTheFileAndNoticesThatItWasCut) {
  TemporaryFolder folder;
  const Tensor w = RandomWeight(1000, 512, 7, DType::kQ4_1);
  {
    std::ofstream file(folder / "w", std::ios::binary);
    file << std::string(100, 'x');  // so that no page begins with the weight
    file.write(reinterpret_cast<const char*>(w.raw()), w.bytes());
  }
  const auto file = MappedFile::Open(folder / "w");
  const Tensor mapped = Tensor::Borrow(file, file->bytes().data() + 100, w.shape(), w.dtype());
  const Tensor expected = PackWeight(w);
  for (const int threads : {1, 3}) {
    SetThreadCount(threads);
    StorageArena arena;
    const Tensor packed = PackWeight(mapped, &arena);
    EXPECT_EQ(std::memcmp(packed.raw(), expected.raw(), static_cast<size_t>(expected.bytes())), 0);
  }
  EXPECT_NO_THROW(file->RequireIntact());
  std::filesystem::resize_file(folder / "w", 100'000);
  StorageArena arena;
  PackWeight(mapped, &arena);
  EXPECT_TRUE(file->broken());
  EXPECT_THROW(file->RequireIntact(), Error);
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
