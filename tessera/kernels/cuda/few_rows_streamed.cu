// y = f(x wᵀ + bias) for up to 8 rows of x in bf16: the tiles and, bit for bit, the sums of few_rows_matrix.cu, of a
// weight that streams through shared memory.
//
//   stage     8 groups of each of a tile's 16 rows, 512 bytes of codes, and their scales. Rows lie 576 bytes apart, so
//             that the eight lanes which read together meet every bank once.
//   full      the stage has come        empty   all warps have read it
//
// A multiprocessor has one block, which takes tiles in turn. Its ninth warp asks the copy engine for the next stages,
// as many as the shared memory holds and across the borders of tiles; it does not wait for the kernel before, since
// nobody writes weights: so memory has work while that one ends. Eight warps multiply: warp w has group w of each
// stage. Memory traffic: the weight once, in runs of 512 bytes; x once a tile, from the caches.

#include <algorithm>

#include "tessera/kernels/cuda/block.cuh"
#include "tessera/kernels/cuda/few_rows_tile.cuh"
#include "tessera/kernels/cuda/launch_chained.cuh"

namespace tessera::kernels::cuda {
namespace {

constexpr int kGroup = 64, kStageRow = kTileWarps * kGroup, kRowStride = kStageRow + kGroup;
constexpr int kStreamThreads = (kTileWarps + 1) * 32;
// As many as the shared memory holds.
template <class Format>
constexpr int kStages = Format::kMinimum ? 18 : 20;

template <class Format>
struct StreamShared {
  static constexpr int kGroupScales = Format::kScaled ? 4 * Piece<Format>::kScaleWords : 0;
  static constexpr int kStageScales = kTileWarps * kGroupScales;  // bytes of a row
  struct Stage {
    alignas(128) unsigned char values[kTileRows * kRowStride];
    alignas(16) unsigned char scales[kTileRows * (Format::kScaled ? kStageScales : 1)];
  };
  Stage stages[kStages<Format>];
  float sums[2][kTileWarps][kTileRows * 8];  // of this tile and the next
  Barrier full[kStages<Format>], empty[kStages<Format>];
};

// Copies `bytes` bytes, a multiple of 16, to shared memory; `full` is told. By one thread.
__device__ __forceinline__ void BulkLoad(unsigned char* shared, const unsigned char* global, int bytes,
                                         const Barrier& full) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
                   SharedAddress(shared)),
               "l"(global), "r"(bytes), "r"(AddressOf(full))
               : "memory");
}

// Where a tile's rows begin: 16 rows of a part, or 8 of the gate and 8 of up.
struct TilePlace {
  int part;
  int64_t row0;

  __device__ __forceinline__ TilePlace(const FewRowsArguments& a, int tile)
      : part(a.PartOf(tile)), row0(int64_t{tile - a.parts[part].first_block} * (a.gated ? kTileRows / 2 : kTileRows)) {}

  // Row r of the tile; past the weight's end its last one, which is not stored.
  __device__ __forceinline__ WeightView::Row Row(const FewRowsArguments& a, int r) const {
    const WeightView& weight = a.parts[a.gated && r >= 8 ? 1 : part].weight;
    return weight.At(min(row0 + (a.gated ? r % 8 : r), weight.rows - 1));
  }
};

template <class Format>
__device__ __forceinline__ void Produce(const FewRowsArguments& a, StreamShared<Format>& s, int tiles) {
  using Shared = StreamShared<Format>;
  Ring<kStages<Format>> ring;
  const int lane = Lane();
  for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x)) {
    const WeightView::Row row = TilePlace(a, tile).Row(a, lane % kTileRows);
    const int scale_bytes = Format::kScaled ? row.bytes / kGroup * Shared::kGroupScales : 0;
    for (int begin = 0, scale_begin = 0; begin < row.bytes; begin += kStageRow, scale_begin += Shared::kStageScales) {
      const int bytes = min(kStageRow, row.bytes - begin);
      const int of_scales = Format::kScaled ? min(Shared::kStageScales, scale_bytes - scale_begin) : 0;
      auto& stage = s.stages[ring.stage];
      s.empty[ring.stage].Wait(ring.phase ^ 1);
      if (lane == 0) s.full[ring.stage].Expect(kTileRows * (bytes + of_scales));
      __syncwarp();
      if (lane < kTileRows) {
        BulkLoad(stage.values + lane * kRowStride, row.values + begin, bytes, s.full[ring.stage]);
        if constexpr (Format::kScaled)
          BulkLoad(stage.scales + lane * Shared::kStageScales, row.scales + scale_begin, of_scales, s.full[ring.stage]);
      }
      ring.Next();
    }
  }
}

template <class Format>
__device__ __forceinline__ void Consume(const FewRowsArguments& a, StreamShared<Format>& s, int tiles, int warp) {
  using Shared = StreamShared<Format>;
  TileLane<Format> lane(a);
  const int g = Lane() / 4, row_bytes = a.parts[0].weight.row_bytes;
  Ring<kStages<Format>> ring;
  int buffer = 0;
  auto x = lane.LoadX(warp);
  for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x), buffer ^= 1) {
    float sums[4] = {0, 0, 0, 0};
    for (int begin = 0, group = warp; begin < row_bytes; begin += kStageRow, group += kTileWarps) {
      // On its way while this stage is multiplied; every tile begins with the same.
      const auto next_x = lane.LoadX(begin + kStageRow < row_bytes ? group + kTileWarps : warp);
      const auto& stage = s.stages[ring.stage];
      const int at = warp * kGroup + lane.t * 16;
      const bool inside = begin + at < row_bytes;
      s.full[ring.stage].Wait(ring.phase);
      typename TileLane<Format>::Pieces pieces;
      const auto load = [&](Piece<Format>& piece, int row) {
        piece.LoadCopied(stage.values + row * kRowStride + at,
                         stage.scales + row * Shared::kStageScales + warp * Shared::kGroupScales, inside);
      };
      load(pieces.low, g);
      load(pieces.high, g + 8);
      TileLane<Format>::MultiplyAddGroup(sums, pieces, x);
      s.empty[ring.stage].ArriveWarp();
      ring.Next();
      x = next_x;
    }
    StoreTileSums(s.sums[buffer][warp], sums);
    SyncConsumers<kTileWarps / 4>();
    const TilePlace place(a, tile);
    FinishTile(a, a.parts[place.part], place.row0, s.sums[buffer]);
  }
}

template <class Format>
__global__ void __launch_bounds__(kStreamThreads, 1)
    StreamedKernel(const __grid_constant__ FewRowsArguments a, int tiles) {
  LetSuccessorStart();
  extern __shared__ __align__(128) unsigned char memory[];
  auto& s = *reinterpret_cast<StreamShared<Format>*>(memory);
  if (threadIdx.x == 0)
    for (int i = 0; i < kStages<Format>; ++i) s.full[i].Init(1), s.empty[i].Init(kTileWarps);
  __syncthreads();
  const int warp = static_cast<int>(threadIdx.x) / 32;
  if (warp == kTileWarps) return Produce<Format>(a, s, tiles);
  WaitForPredecessor();
  Consume<Format>(a, s, tiles, warp);
}

}  // namespace

bool StreamsFewRows(const FewRowsArguments& arguments, DType weight) {
  for (int i = 0; i < arguments.part_count; ++i) {
    const WeightView& view = arguments.parts[i].weight;
    if (view.row_bytes % 16 != 0 || (IsQuantized(weight) && view.scale_row_bytes % 16 != 0)) return false;
  }
  return true;
}

void MultiplyFewRowsStreamed(FewRowsArguments arguments, DType weight) {
  static const int64_t multiprocessors = [] {
    int count = 0;
    return cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, 0) == cudaSuccess ? count : 132;
  }();
  const int64_t tiles = CountBlocks(arguments, arguments.gated ? kTileRows / 2 : kTileRows);
  WithWeightFormat(weight, [&]<class Format>(Format) {
    if constexpr (Format::kPairs) {
      static_assert(sizeof(StreamShared<Format>) <= 227 * 1024, "more than a block may have");
      LaunchChained(StreamedKernel<Format>, std::min(tiles, multiprocessors), kStreamThreads,
                    static_cast<int>(sizeof(StreamShared<Format>)), arguments, static_cast<int>(tiles));
    }
  });
}

}  // namespace tessera::kernels::cuda
