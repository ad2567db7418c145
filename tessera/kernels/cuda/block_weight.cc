#include "tessera/kernels/cuda/block_weight.h"

#include <cstring>

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/packed_weight.h"
#include "tessera/kernels/quant_blocks.h"

namespace tessera::kernels::cuda {
namespace {

void PackCodes(const BlockQ8_0& block, int64_t index, std::byte* group) {
  for (int64_t t = 0; t < 4; ++t) std::memcpy(group + 16 * t + 8 * index, block.qs + 8 * t, 8);
}

// Code of value i of a block whose byte j holds values j and j + 16.
uint32_t Nibble(const uint8_t* qs, int i) { return i < 16 ? qs[i] & 15u : qs[i - 16] >> 4; }

template <typename Block>
void PackCodes(const Block& block, int64_t index, std::byte* group) {
  for (int t = 0; t < 4; ++t) {
    uint32_t word = 0;
    for (int pair = 0; pair < 4; ++pair) {
      word |= Nibble(block.qs, 8 * t + 2 * pair) << (4 * pair);
      word |= Nibble(block.qs, 8 * t + 2 * pair + 1) << (4 * pair + 16);
    }
    std::memcpy(group + 16 * t + 4 * index, &word, sizeof(word));
  }
}

template <typename Block>
void PackRow(const std::byte* row, int64_t blocks, std::byte* codes, std::byte* scales) {
  constexpr int64_t kBlocks = std::is_same_v<Block, BlockQ8_0> ? 2 : 4;
  constexpr size_t kScaleBytes = std::is_same_v<Block, BlockQ4_1> ? 4 : 2;  // d, or d and m behind it
  for (int64_t i = 0; i < blocks; ++i) {
    Block block;
    std::memcpy(&block, row + i * static_cast<int64_t>(sizeof(Block)), sizeof(Block));
    PackCodes(block, i % kBlocks, codes + i / kBlocks * kGroupBytes);
    std::memcpy(scales + i * static_cast<int64_t>(kScaleBytes), &block, kScaleBytes);
  }
}

}  // namespace

bool StaysInBlocks(DType dtype) { return dtype == DType::kQ8_0 || dtype == DType::kQ4_0 || dtype == DType::kQ4_1; }

BlockWeightLayout LayoutOfBlocks(DType dtype, int64_t rows, int64_t cols) {
  Require(StaysInBlocks(dtype), "weight on the GPU: {} has no blocks there; use q8_0, q4_0 or q4_1", Name(dtype));
  Require(cols % kSmallBlock == 0, "weight on the GPU: rows of {} values are not whole blocks of 32", cols);
  const int64_t group_blocks = dtype == DType::kQ8_0 ? 2 : 4, scale_bytes = dtype == DType::kQ4_1 ? 4 : 2;
  const int64_t groups = (cols / kSmallBlock + group_blocks - 1) / group_blocks;
  return {rows, groups * kGroupBytes, groups * group_blocks * scale_bytes};
}

void PackBlocks(const Tensor& weight, std::byte* out) {
  const Tensor rows = UnpackWeight(weight);
  const BlockWeightLayout layout = LayoutOfBlocks(rows.dtype(), rows.dim(0), rows.dim(1));
  const int64_t blocks = rows.dim(1) / kSmallBlock, row_bytes = BytesFor(rows.dtype(), rows.dim(1));
  const auto pack = [&]<typename Block>(Block) {
    ParallelForRange(layout.rows, 64, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        std::byte* codes = out + n * layout.row_bytes;
        std::byte* scales = out + layout.scales_at() + n * layout.scale_row_bytes;
        std::memset(codes, 0, static_cast<size_t>(layout.row_bytes));
        std::memset(scales, 0, static_cast<size_t>(layout.scale_row_bytes));
        PackRow<Block>(rows.raw() + n * row_bytes, blocks, codes, scales);
      }
    });
  };
  if (rows.dtype() == DType::kQ8_0) return pack(BlockQ8_0{});
  if (rows.dtype() == DType::kQ4_0) return pack(BlockQ4_0{});
  pack(BlockQ4_1{});
}

}  // namespace tessera::kernels::cuda
