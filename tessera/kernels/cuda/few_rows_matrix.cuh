#pragma once
// y = f(x wᵀ + bias) for up to 8 rows of x in bf16, with mma.m16n8k16 (PTX ISA, "Matrix Fragments for mma.m16n8k16").
//
//   here       shape      meaning
//   a          [16, 16]   16 rows of the weight, exact in bf16: values, or codes of one block
//   b          [16, 8]    the rows of x, zero past the last
//   c          [16, 8]    f32 sums; of codes: the sums of one block, which then count by the block's scale
//
// The order in which a row's values meet the instruction is free, as long as both operands have the same. Lane t of
// four takes values 8t … 8t + 7 of a block of 32 for k = 2t, 2t + 1, 2t + 8, 2t + 9 of two instructions: what 16 bytes
// hold.
//
// A block of threads has 16 rows of a weight (8 of the gate and 8 of up), and each of its warps every eighth group of
// their values; the warps' sums are added in order at the end. The loads of the next pieces are on their way while the
// last are multiplied. Memory traffic: the weight once, x once for every 16 rows, from the caches. (Bringing 512 bytes
// of a row at a time by the copy engine is half as fast: it takes 80 cycles for each, however long.)

#include "tessera/kernels/cuda/few_rows.cuh"
#include "tessera/kernels/cuda/lanes.cuh"

namespace tessera::kernels::cuda {
inline constexpr int kTileWarps = 8, kTileRows = 16;

// c += 16 rows of the weight times the rows of x, over 32 values: `low` has row g of the tile, `high` row g + 8.
TESSERA_LANE void MultiplyAddBlock(float (&c)[4], const EightPairs& low, const EightPairs& high, const uint4& x) {
  MultiplyAdd(c, low.pair[0], high.pair[0], low.pair[1], high.pair[1], x.x, x.y);
  MultiplyAdd(c, low.pair[2], high.pair[2], low.pair[3], high.pair[3], x.z, x.w);
}

// One lane's share of a tile: rows g and g + 8 of it, and row g of x.
template <class Format>
struct TileLane {
  WeightView::Row low, high;
  const uint16_t* x;  // null past the last row
  int cols, t;

  TESSERA_LANE explicit TileLane(const FewRowsArguments& a) : cols(a.cols), t(ThreadOfBlock() % 4) {
    const int g = ThreadOfBlock() % 32 / 4;
    x = g < a.x_rows ? static_cast<const uint16_t*>(a.x) + int64_t{g} * a.cols : nullptr;
  }

  struct Pieces {
    Piece<Format> low, high;
  };
  TESSERA_LANE void Load(Pieces& pieces, int group) const {
    pieces.low.Load(low, group * 4 + t);
    pieces.high.Load(high, group * 4 + t);
  }
  struct Activations {
    uint4 block[Format::kBlocks];
  };
  TESSERA_LANE Activations LoadX(int group) const {
    Activations values;
    TESSERA_UNROLLED
    for (int b = 0; b < Format::kBlocks; ++b) {
      const int k = (group * Format::kBlocks + b) * 32 + 8 * t;
      values.block[b] = make_uint4(0, 0, 0, 0);
      if (x != nullptr && k < cols) values.block[b] = *reinterpret_cast<const uint4*>(x + static_cast<uint32_t>(k));
    }
    return values;
  }
  TESSERA_LANE void MultiplyAddGroup(float (&sums)[4], const Pieces& pieces, int group) const {
    MultiplyAddGroup(sums, pieces, LoadX(group));
  }
  // sums: rows g and g + 8 of the tile, two each, with rows 2t and 2t + 1 of x.
  TESSERA_LANE static void MultiplyAddGroup(float (&sums)[4], const Pieces& pieces, const Activations& activations) {
    const auto& x_values = activations.block;
    TESSERA_UNROLLED
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
TESSERA_LANE void StoreTileSums(float (&to)[kTileRows * 8], const float (&sums)[4]) {
  const int g = ThreadOfBlock() % 32 / 4, t = ThreadOfBlock() % 4;
  float* mine = to + g * 8 + 2 * t;
  mine[0] = sums[0], mine[1] = sums[1], mine[64] = sums[2], mine[65] = sums[3];
}

using TileSums = float[kTileWarps][kTileRows * 8];

// Stores the tile's results from the warps' sums [16, 8], which are added in the warps' order.
TESSERA_LANE void FinishTile(const FewRowsArguments& a, const FewRowsPart& part, int64_t row0, const TileSums& sums) {
  const auto total = [&](int row, int m) {
    float sum = 0;
    TESSERA_UNROLLED
    for (int warp = 0; warp < kTileWarps; ++warp) sum = AddRounded(sum, sums[warp][row * 8 + m]);
    return sum;
  };
  const int rows = a.gated ? kTileRows / 2 : kTileRows, i = ThreadOfBlock();
  const int row = i % rows, m = i / rows;
  const int64_t n = row0 + row;
  if (m >= a.x_rows || n >= part.weight.rows) return;
  const float y = a.gated ? Gated(total(row, m), total(row + 8, m))
                          : Activated(AddRounded(total(row, m), part.bias.At(n)), part.activation);
  part.y.Set(m * part.weight.rows + n, y);
}

// One block's work. kAhead groups are loaded while as many are multiplied, which does not change the order of any sum.
template <class Format, int kAhead>
TESSERA_LANE void MultiplyTile(const FewRowsArguments& a, TileSums& shared_sums) {
  LetSuccessorStart();
  const int warp = ThreadOfBlock() / 32, g = ThreadOfBlock() % 32 / 4;
  const int block = BlockOfGrid(), part = a.PartOf(block);
  const int64_t last = a.parts[part].weight.rows - 1;  // rows past it are read as it is, and not stored
  const int64_t row0 = int64_t{block - a.parts[part].first_block} * (a.gated ? kTileRows / 2 : kTileRows);

  TileLane<Format> lane(a);
  lane.low = a.parts[part].weight.At(Least(row0 + g, last));
  lane.high = a.parts[a.gated ? 1 : part].weight.At(Least(a.gated ? row0 + g : row0 + g + 8, last));

  const int groups = (a.cols + 32 * Format::kBlocks - 1) / (32 * Format::kBlocks);
  typename TileLane<Format>::Pieces now[kAhead], next[kAhead];
  float sums[4] = {0, 0, 0, 0};
  TESSERA_UNROLLED
  for (int i = 0; i < kAhead; ++i) lane.Load(now[i], warp + i * kTileWarps);
  WaitForPredecessor();
  for (int group = warp; group < groups; group += kAhead * kTileWarps) {
    TESSERA_UNROLLED
    for (int i = 0; i < kAhead; ++i) lane.Load(next[i], group + (kAhead + i) * kTileWarps);
    TESSERA_UNROLLED
    for (int i = 0; i < kAhead; ++i) lane.MultiplyAddGroup(sums, now[i], group + i * kTileWarps);
    TESSERA_UNROLLED
    for (int i = 0; i < kAhead; ++i) now[i] = next[i];
  }
  StoreTileSums(shared_sums[warp], sums);
  SyncBlockLanes();
  FinishTile(a, a.parts[part], row0, shared_sums);
}

}  // namespace tessera::kernels::cuda
