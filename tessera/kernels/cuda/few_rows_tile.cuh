#pragma once
// What the kernels of few rows on the matrix units share (few_rows_matrix.cu says how a tile is multiplied): the lanes'
// parts of a tile of 16 rows of the weight, its sums by eight warps, and their end.

#include "tessera/kernels/cuda/few_rows.cuh"

namespace tessera::kernels::cuda {

inline constexpr int kTileWarps = 8, kTileRows = 16;

// c += a b.
__device__ __forceinline__ void MultiplyAdd(float (&c)[4], uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3,
                                            uint32_t b0, uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

// c += 16 rows of the weight times the rows of x, over 32 values: `low` has row g of the tile, `high` row g + 8.
__device__ __forceinline__ void MultiplyAddBlock(float (&c)[4], const EightPairs& low, const EightPairs& high,
                                                 const uint4& x) {
  MultiplyAdd(c, low.pair[0], high.pair[0], low.pair[1], high.pair[1], x.x, x.y);
  MultiplyAdd(c, low.pair[2], high.pair[2], low.pair[3], high.pair[3], x.z, x.w);
}

// One lane's share of a tile: rows g and g + 8 of it, and row g of x.
template <class Format>
struct TileLane {
  WeightView::Row low, high;
  const uint16_t* x;  // null past the last row
  int cols, t;

  __device__ __forceinline__ explicit TileLane(const FewRowsArguments& a)
      : cols(a.cols), t(static_cast<int>(threadIdx.x) % 4) {
    const int g = static_cast<int>(threadIdx.x) % 32 / 4;
    x = g < a.x_rows ? static_cast<const uint16_t*>(a.x) + int64_t{g} * a.cols : nullptr;
  }

  struct Pieces {
    Piece<Format> low, high;
  };
  __device__ __forceinline__ void Load(Pieces& pieces, int group) const {
    pieces.low.Load(low, group * 4 + t);
    pieces.high.Load(high, group * 4 + t);
  }
  struct Activations {
    uint4 block[Format::kBlocks];
  };
  __device__ __forceinline__ Activations LoadX(int group) const {
    Activations values;
#pragma unroll
    for (int b = 0; b < Format::kBlocks; ++b) {
      const int k = (group * Format::kBlocks + b) * 32 + 8 * t;
      values.block[b] = make_uint4(0, 0, 0, 0);
      if (x != nullptr && k < cols) values.block[b] = *reinterpret_cast<const uint4*>(x + static_cast<uint32_t>(k));
    }
    return values;
  }
  __device__ __forceinline__ void MultiplyAddGroup(float (&sums)[4], const Pieces& pieces, int group) const {
    MultiplyAddGroup(sums, pieces, LoadX(group));
  }
  // sums: rows g and g + 8 of the tile, two each, with rows 2t and 2t + 1 of x.
  __device__ __forceinline__ static void MultiplyAddGroup(float (&sums)[4], const Pieces& pieces,
                                                          const Activations& activations) {
    const auto& x_values = activations.block;
#pragma unroll
    for (int b = 0; b < Format::kBlocks; ++b) {
      if constexpr (Format::kScaled) {
        float block[4] = {0, 0, 0, 0};
        MultiplyAddBlock(block, pieces.low.Pairs(b), pieces.high.Pairs(b), x_values[b]);
        const float low_scale = pieces.low.Scale(b), high_scale = pieces.high.Scale(b);
        sums[0] = fmaf(low_scale, block[0], sums[0]), sums[1] = fmaf(low_scale, block[1], sums[1]);
        sums[2] = fmaf(high_scale, block[2], sums[2]), sums[3] = fmaf(high_scale, block[3], sums[3]);
        if constexpr (Format::kMinimum) {  // Σ x of the block: a product with ones
          constexpr EightPairs kOnes{{0x3f803f80u, 0x3f803f80u, 0x3f803f80u, 0x3f803f80u}};
          float total[4] = {0, 0, 0, 0};
          MultiplyAddBlock(total, kOnes, kOnes, x_values[b]);
          const float low_minimum = pieces.low.Minimum(b), high_minimum = pieces.high.Minimum(b);
          sums[0] = fmaf(low_minimum, total[0], sums[0]), sums[1] = fmaf(low_minimum, total[1], sums[1]);
          sums[2] = fmaf(high_minimum, total[2], sums[2]), sums[3] = fmaf(high_minimum, total[3], sums[3]);
        }
      } else {
        MultiplyAddBlock(sums, pieces.low.Pairs(b), pieces.high.Pairs(b), x_values[b]);
      }
    }
  }
};

// Puts a warp's sums of a tile where FinishTile finds them.
__device__ __forceinline__ void StoreTileSums(float (&to)[kTileRows * 8], const float (&sums)[4]) {
  const int g = static_cast<int>(threadIdx.x) % 32 / 4, t = static_cast<int>(threadIdx.x) % 4;
  float* mine = to + g * 8 + 2 * t;
  mine[0] = sums[0], mine[1] = sums[1], mine[64] = sums[2], mine[65] = sums[3];
}

// Stores the tile's results from the warps' sums [16, 8], which are added in the warps' order.
__device__ __forceinline__ void FinishTile(const FewRowsArguments& a, const FewRowsPart& part, int64_t row0,
                                           const float (&sums)[kTileWarps][kTileRows * 8]) {
  const auto total = [&](int row, int m) {
    float sum = 0;
#pragma unroll
    for (int warp = 0; warp < kTileWarps; ++warp) sum = __fadd_rn(sum, sums[warp][row * 8 + m]);
    return sum;
  };
  const int rows = a.gated ? kTileRows / 2 : kTileRows, i = static_cast<int>(threadIdx.x);
  const int row = i % rows, m = i / rows;
  const int64_t n = row0 + row;
  if (m >= a.x_rows || n >= part.weight.rows) return;
  const float y = a.gated ? Gated(total(row, m), total(row + 8, m))
                          : Activated(__fadd_rn(total(row, m), part.bias.At(n)), part.activation);
  part.y.Set(m * part.weight.rows + n, y);
}

}  // namespace tessera::kernels::cuda
