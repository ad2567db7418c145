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
// A block of threads has 16 rows of a weight (8 of the gate and 8 of up), and each of its warps every eighth run of
// groups of their values; the warps' sums are added in order at the end. The loads of the next pieces are on their way
// while the last are multiplied. Memory traffic: the weight once, x once for every 16 rows, from the caches.

#include "tessera/kernels/cuda/few_rows_tile.cuh"
#include "tessera/kernels/cuda/launch_chained.cuh"

namespace tessera::kernels::cuda {
namespace {

// kAhead groups are loaded while as many are multiplied, in each of kBlocks blocks that a multiprocessor has at a time.
// Neither changes the order of any sum.
template <class Format, int kAhead, int kBlocks>
__global__ void __launch_bounds__(kTileWarps * 32, kBlocks) FewRowsKernel(const __grid_constant__ FewRowsArguments a) {
  LetSuccessorStart();
  __shared__ float shared_sums[kTileWarps][kTileRows * 8];
  const int warp = static_cast<int>(threadIdx.x) / 32, g = static_cast<int>(threadIdx.x) % 32 / 4;
  const int block = static_cast<int>(blockIdx.x), part = a.PartOf(block);
  const int64_t last = a.parts[part].weight.rows - 1;  // rows past it are read as it is, and not stored
  const int64_t row0 = int64_t{block - a.parts[part].first_block} * (a.gated ? kTileRows / 2 : kTileRows);

  TileLane<Format> lane(a);
  lane.low = a.parts[part].weight.At(min(row0 + g, last));
  lane.high = a.parts[a.gated ? 1 : part].weight.At(min(a.gated ? row0 + g : row0 + g + 8, last));

  const int groups = (a.cols + 32 * Format::kBlocks - 1) / (32 * Format::kBlocks);
  typename TileLane<Format>::Pieces now[kAhead], next[kAhead];
  float sums[4] = {0, 0, 0, 0};
#pragma unroll
  for (int i = 0; i < kAhead; ++i) lane.Load(now[i], warp + i * kTileWarps);
  WaitForPredecessor();
  for (int group = warp; group < groups; group += kAhead * kTileWarps) {
#pragma unroll
    for (int i = 0; i < kAhead; ++i) lane.Load(next[i], group + (kAhead + i) * kTileWarps);
#pragma unroll
    for (int i = 0; i < kAhead; ++i) lane.MultiplyAddGroup(sums, now[i], group + i * kTileWarps);
#pragma unroll
    for (int i = 0; i < kAhead; ++i) now[i] = next[i];
  }
  StoreTileSums(shared_sums[warp], sums);
  __syncthreads();
  FinishTile(a, a.parts[part], row0, shared_sums);
}

}  // namespace

void MultiplyFewRowsByMatrix(FewRowsArguments arguments, DType weight) {
  static const int64_t multiprocessors = [] {
    int count = 0;
    return cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, 0) == cudaSuccess ? count : 132;
  }();
  const int64_t blocks = CountBlocks(arguments, arguments.gated ? kTileRows / 2 : kTileRows);
  WithWeightFormat(weight, [&]<class Format>(Format) {
    if constexpr (Format::kPairs) {
      // Few blocks must each have much on its way; many come in waves, and shorter ones leave less at the end.
      constexpr int kDeep = Format::kMinimum ? 1 : Format::kScaled ? 2 : 4;
      constexpr int kBlocks = Format::kMinimum ? 2 : 3;  // as many as have their registers
      if (blocks <= 2 * multiprocessors)
        LaunchChained(FewRowsKernel<Format, kDeep, 2>, blocks, kTileWarps * 32, 0, arguments);
      else
        LaunchChained(FewRowsKernel<Format, (kDeep + 1) / 2, kBlocks>, blocks, kTileWarps * 32, 0, arguments);
    }
  });
}

}  // namespace tessera::kernels::cuda
