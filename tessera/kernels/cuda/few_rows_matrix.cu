#include "tessera/kernels/cuda/few_rows_matrix.cuh"
#include "tessera/kernels/cuda/launch_chained.cuh"

namespace tessera::kernels::cuda {
namespace {

// kBlocks blocks run on a multiprocessor at a time.
template <class Format, int kAhead, int kBlocks>
__global__ void __launch_bounds__(kTileWarps * 32, kBlocks) FewRowsKernel(const __grid_constant__ FewRowsArguments a) {
  __shared__ TileSums shared_sums;
  MultiplyTile<Format, kAhead>(a, shared_sums);
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
