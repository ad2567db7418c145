// y = f(x wᵀ + bias) for up to 8 rows of x in f32: each value of a weight, whatever its dtype, becomes f32 and meets
// the rows of x in one fmaf each.
//
// A warp has two rows of a weight (one of the gate and the same of up), a lane every 32nd piece of them. Lanes' sums
// are added in a butterfly. The loads of the next pieces are on their way while the last are multiplied. Memory
// traffic: the weight once, x once for every two rows, from the caches.

#include "tessera/kernels/cuda/few_rows.cuh"
#include "tessera/kernels/cuda/launch_chained.cuh"
#include "tessera/kernels/cuda/products.h"

namespace tessera::kernels::cuda {
namespace {

constexpr int kWarps = 4, kRows = 2;

// Eight values of a row of x from k on; zero past its end.
template <typename T, RowAccess kAccess>
__device__ __forceinline__ void LoadX(const T* x, int k, int cols, float (&out)[8]) {
  if constexpr (kAccess == RowAccess::kWhole && sizeof(T) == 4) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const float4 v = k < cols ? *reinterpret_cast<const float4*>(x + k + 4 * i) : make_float4(0, 0, 0, 0);
      out[4 * i] = v.x, out[4 * i + 1] = v.y, out[4 * i + 2] = v.z, out[4 * i + 3] = v.w;
    }
  } else if constexpr (kAccess == RowAccess::kWhole) {
    const uint4 v = k < cols ? *reinterpret_cast<const uint4*>(x + k) : make_uint4(0, 0, 0, 0);
    const uint32_t pairs[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
    for (int i = 0; i < 4; ++i) out[2 * i] = LowFloat(pairs[i]), out[2 * i + 1] = HighFloat(pairs[i]);
  } else {
#pragma unroll
    for (int i = 0; i < 8; ++i) out[i] = k + i < cols ? static_cast<float>(x[k + i]) : 0.0f;
  }
}

// Piece `index` of a row of f32 or bf16 that begins anywhere, value by value.
template <class Format>
__device__ __forceinline__ void LoadSingly(Piece<Format>& piece, const unsigned char* from, int index, int cols) {
  uint32_t words[Piece<Format>::kLoads * 4];
#pragma unroll
  for (int i = 0; i < Piece<Format>::kLoads * 4; ++i) {
    if constexpr (Format::kPairs) {
      const auto* values = reinterpret_cast<const uint16_t*>(from);
      const int k = index * 8 + 2 * i;
      const uint32_t low = k < cols ? values[k] : 0u, high = k + 1 < cols ? values[k + 1] : 0u;
      words[i] = low | high << 16;
    } else {
      words[i] = index * 8 + i < cols ? reinterpret_cast<const uint32_t*>(from)[index * 8 + i] : 0u;
    }
  }
#pragma unroll
  for (int i = 0; i < Piece<Format>::kLoads; ++i)
    piece.bytes[i] = make_uint4(words[4 * i], words[4 * i + 1], words[4 * i + 2], words[4 * i + 3]);
}

// A warp's rows of the weights, and x.
template <class Format, typename T, RowAccess kAccess, int kM>
struct WarpRows {
  WeightView::Row rows[kRows];
  const T* x;
  int x_rows, cols;

  __device__ __forceinline__ void Load(Piece<Format> (&pieces)[kRows], int index) const {
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      if constexpr (kAccess == RowAccess::kWhole)
        pieces[r].Load(rows[r], index);
      else
        LoadSingly(pieces[r], rows[r].values, index, cols);
    }
  }
  __device__ __forceinline__ void MultiplyAdd(float (&sums)[kRows][kM], const Piece<Format> (&pieces)[kRows],
                                              int index) const {
#pragma unroll
    for (int b = 0; b < Format::kBlocks; ++b) {
      const int k = (index / 4 * Format::kBlocks + b) * 32 + index % 4 * 8;
      float values[kRows][8];
#pragma unroll
      for (int r = 0; r < kRows; ++r) pieces[r].Values(b, values[r]);
#pragma unroll
      for (int m = 0; m < kM; ++m) {
        float x_values[8];
        LoadX<T, kAccess>(x + int64_t{min(m, x_rows - 1)} * cols, k, cols, x_values);
#pragma unroll
        for (int r = 0; r < kRows; ++r) {
#pragma unroll
          for (int i = 0; i < 8; ++i) sums[r][m] = fmaf(values[r][i], x_values[i], sums[r][m]);
        }
      }
    }
  }
};

template <class Format, typename T, RowAccess kAccess, int kM>
__global__ void __launch_bounds__(kWarps * 32) FewRowsExactKernel(const __grid_constant__ FewRowsArguments a) {
  constexpr int kAhead = Format::kScaled || Piece<Format>::kLoads == 2 ? 1 : 2;
  LetSuccessorStart();
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int block = static_cast<int>(blockIdx.x), part_index = a.PartOf(block);
  const FewRowsPart& part = a.parts[part_index];
  const int64_t last = part.weight.rows - 1;  // rows past it are read as it is, and not stored
  const int64_t row0 = (int64_t{block - part.first_block} * kWarps + warp) * (a.gated ? 1 : kRows);

  WarpRows<Format, T, kAccess, kM> warp_rows;
  warp_rows.rows[0] = part.weight.At(min(row0, last));
  warp_rows.rows[1] = a.parts[a.gated ? 1 : part_index].weight.At(min(a.gated ? row0 : row0 + 1, last));
  warp_rows.x = static_cast<const T*>(a.x);
  warp_rows.x_rows = a.x_rows;
  warp_rows.cols = a.cols;

  const int pieces = (a.cols + 32 * Format::kBlocks - 1) / (32 * Format::kBlocks) * 4;
  Piece<Format> now[kAhead][kRows], next[kAhead][kRows];
  float sums[kRows][kM] = {};
#pragma unroll
  for (int i = 0; i < kAhead; ++i) warp_rows.Load(now[i], lane + 32 * i);
  WaitForPredecessor();
  for (int index = lane; index < pieces; index += 32 * kAhead) {
#pragma unroll
    for (int i = 0; i < kAhead; ++i) warp_rows.Load(next[i], index + 32 * (kAhead + i));
#pragma unroll
    for (int i = 0; i < kAhead; ++i) warp_rows.MultiplyAdd(sums, now[i], index + 32 * i);
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
#pragma unroll
      for (int r = 0; r < kRows; ++r) now[i][r] = next[i][r];
    }
  }
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
#pragma unroll
    for (int m = 0; m < kM; ++m) {
#pragma unroll
      for (int other = 16; other > 0; other /= 2) sums[r][m] += __shfl_xor_sync(~0u, sums[r][m], other);
    }
  }
  // Every lane has all sums; each finishes one result, of row m of x and row r of the weights.
  const int m = a.gated ? lane : lane / kRows, r = a.gated ? 0 : lane % kRows;
  float mine = 0, up = 0;
#pragma unroll
  for (int i = 0; i < kM; ++i) {
    if (m == i) mine = r == 0 ? sums[0][i] : sums[1][i], up = sums[1][i];
  }
  const int64_t n = row0 + r;
  if (m >= a.x_rows || n > last) return;
  const float y = a.gated ? Gated(mine, up) : Activated(__fadd_rn(mine, part.bias.At(n)), part.activation);
  part.y.Set(m * part.weight.rows + n, y);
}

template <class Format, typename T, RowAccess kAccess>
void LaunchExact(const FewRowsArguments& arguments, int64_t blocks) {
  const auto launch = [&]<int kM>() {
    LaunchChained(FewRowsExactKernel<Format, T, kAccess, kM>, blocks, kWarps * 32, 0, arguments);
  };
  if (arguments.x_rows == 1) return launch.template operator()<1>();
  if (arguments.x_rows == 2) return launch.template operator()<2>();
  if (arguments.x_rows <= 4) return launch.template operator()<4>();
  launch.template operator()<8>();
}

}  // namespace

int64_t CountBlocks(FewRowsArguments& arguments, int rows) {
  int64_t blocks = 0;
  for (int i = 0; i < arguments.part_count; ++i) {
    Require(blocks < (int64_t{1} << 31), "product: {} blocks are more than a GPU's grid holds", blocks);
    arguments.parts[i].first_block = static_cast<int>(blocks);
    if (i == 0 || !arguments.gated) blocks += (arguments.parts[i].weight.rows + rows - 1) / rows;
  }
  if (arguments.gated) arguments.parts[1].first_block = 0;
  return blocks;
}

void MultiplyFewRowsExactly(FewRowsArguments arguments, DType x, DType weight, RowAccess access) {
  const int64_t blocks = CountBlocks(arguments, kWarps * (arguments.gated ? 1 : kRows));
  WithWeightFormat(weight, [&]<class Format>(Format) {
    const auto with_x = [&]<typename T>(T) {
      if (access == RowAccess::kWhole) return LaunchExact<Format, T, RowAccess::kWhole>(arguments, blocks);
      if constexpr (!Format::kScaled) LaunchExact<Format, T, RowAccess::kSingle>(arguments, blocks);
    };
    if (x == DType::kF32) return with_x(float{});
    // Codes and bf16 with whole rows of bf16 go to few_rows_matrix.cu.
    if constexpr (!Format::kScaled) with_x(__nv_bfloat16{});
  });
}

}  // namespace tessera::kernels::cuda
