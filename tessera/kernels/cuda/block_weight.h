#pragma once
// The order of a q8_0, q4_0 or q4_1 weight [N, K] on the GPU: first the codes of all rows, then the scales of all rows.
//
// A row is cut into groups of 64 bytes of codes: 64 values of q8_0 in 2 blocks, 128 of q4_0 and q4_1 in 4 blocks. Four
// neighbouring lanes read a group together, 16 bytes each, and lane t finds there values 8t … 8t + 7 of every block of
// the group. So a matrix instruction that the four feed multiplies one block, which has one scale; and the lanes'
// pieces of x are neighbours too.
//
//   q8_0   byte 16 t + 8 b + e of a group    the code of value 8t + e of block b
//   q4_*   word 4 t + b (32 bits)            the codes of values 8t … 8t + 7 of block b, four bits each:
//                                            | v7:4 | v5:4 | v3:4 | v1:4 | v6:4 | v4:4 | v2:4 | v0:4 |
//          Shifted by 0, 4, 8, 12 its bits & 0x000f000f are two neighbours, ready to become a pair of bf16.
//   scales one f16 a block; for q4_1 two, the scale and the minimum
//
// Rows are filled up to whole groups with codes and scales of zero bits.

#include <cstdint>

#include "tessera/core/tensor.h"

namespace tessera::kernels::cuda {

inline constexpr int64_t kGroupBytes = 64;

struct BlockWeightLayout {
  int64_t rows = 0, row_bytes = 0;  // of codes
  int64_t scale_row_bytes = 0;
  int64_t scales_at() const { return rows * row_bytes; }
  int64_t bytes() const { return rows * (row_bytes + scale_row_bytes); }
};

// Whether a weight of this dtype keeps its blocks on the GPU.
bool StaysInBlocks(DType dtype);
// Throws Error for another dtype, or if K is not whole blocks.
BlockWeightLayout LayoutOfBlocks(DType dtype, int64_t rows, int64_t cols);

// out = the weight [N, K] on the CPU, in this order; LayoutOfBlocks(…).bytes() bytes. The weight may be packed for the
// CPU.
void PackBlocks(const Tensor& weight, std::byte* out);

}  // namespace tessera::kernels::cuda
