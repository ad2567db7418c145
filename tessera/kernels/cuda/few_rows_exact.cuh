#pragma once
// y = f(x wᵀ + bias) for up to 8 rows of x in f32: each value of a weight, whatever its dtype, becomes f32 and meets
// the rows of x in one fmaf each.
//
// A warp has two rows of a weight (one of the gate and the same of up), a lane every 32nd piece of them. Lanes' sums
// are added in a butterfly. The loads of the next pieces are on their way while the last are multiplied. Memory
// traffic: the weight once, x once for every two rows, from the caches.

#include "tessera/kernels/cuda/few_rows.cuh"
#include "tessera/kernels/cuda/lanes.cuh"

namespace tessera::kernels::cuda {
inline constexpr int kExactWarps = 4, kExactRows = 2;

TESSERA_LANE float ValueOf(float x) { return x; }
TESSERA_LANE float ValueOf(BFloat16 x) { return FloatOfBF16(x.bits); }

// Eight values of a row of x from k on; zero past its end.
template <typename T, RowAccess kAccess>
TESSERA_LANE void LoadX(const T* x, int k, int cols, float (&out)[8]) {
  if constexpr (kAccess == RowAccess::kWhole && sizeof(T) == 4) {
    TESSERA_UNROLLED
    for (int i = 0; i < 2; ++i) {
      const float4 v = k < cols ? *reinterpret_cast<const float4*>(x + k + 4 * i) : make_float4(0, 0, 0, 0);
      out[4 * i] = v.x, out[4 * i + 1] = v.y, out[4 * i + 2] = v.z, out[4 * i + 3] = v.w;
    }
  } else if constexpr (kAccess == RowAccess::kWhole) {
    const uint4 v = k < cols ? *reinterpret_cast<const uint4*>(x + k) : make_uint4(0, 0, 0, 0);
    const uint32_t pairs[4] = {v.x, v.y, v.z, v.w};
    TESSERA_UNROLLED
    for (int i = 0; i < 4; ++i) out[2 * i] = LowFloat(pairs[i]), out[2 * i + 1] = HighFloat(pairs[i]);
  } else {
    TESSERA_UNROLLED
    for (int i = 0; i < 8; ++i) out[i] = k + i < cols ? ValueOf(x[k + i]) : 0.0f;
  }
}

// Piece `index` of a row of f32 or bf16 that begins anywhere, value by value.
template <class Format>
TESSERA_LANE void LoadSingly(Piece<Format>& piece, const unsigned char* from, int index, int cols) {
  uint32_t words[Piece<Format>::kLoads * 4];
  TESSERA_UNROLLED
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
  TESSERA_UNROLLED
  for (int i = 0; i < Piece<Format>::kLoads; ++i)
    piece.bytes[i] = make_uint4(words[4 * i], words[4 * i + 1], words[4 * i + 2], words[4 * i + 3]);
}

// A warp's rows of the weights, and x.
template <class Format, typename T, RowAccess kAccess, int kM>
struct WarpRows {
  WeightView::Row rows[kExactRows];
  const T* x;
  int x_rows, cols;

  TESSERA_LANE void Load(Piece<Format> (&pieces)[kExactRows], int index) const {
    TESSERA_UNROLLED
    for (int r = 0; r < kExactRows; ++r) {
      if constexpr (kAccess == RowAccess::kWhole)
        pieces[r].Load(rows[r], index);
      else
        LoadSingly(pieces[r], rows[r].values, index, cols);
    }
  }
  TESSERA_LANE void MultiplyAdd(float (&sums)[kExactRows][kM], const Piece<Format> (&pieces)[kExactRows],
                                int index) const {
    TESSERA_UNROLLED
    for (int b = 0; b < Format::kBlocks; ++b) {
      const int k = (index / 4 * Format::kBlocks + b) * 32 + index % 4 * 8;
      float values[kExactRows][8];
      TESSERA_UNROLLED
      for (int r = 0; r < kExactRows; ++r) pieces[r].Values(b, values[r]);
      TESSERA_UNROLLED
      for (int m = 0; m < kM; ++m) {
        float x_values[8];
        LoadX<T, kAccess>(x + int64_t{Least(m, x_rows - 1)} * cols, k, cols, x_values);
        TESSERA_UNROLLED
        for (int r = 0; r < kExactRows; ++r) {
          TESSERA_UNROLLED
          for (int i = 0; i < 8; ++i) sums[r][m] = fmaf(values[r][i], x_values[i], sums[r][m]);
        }
      }
    }
  }
};

// One block's work, of kM rows of x; those past its end are the last again.
template <class Format, typename T, RowAccess kAccess, int kM>
TESSERA_LANE void MultiplyExactly(const FewRowsArguments& a) {
  constexpr int kAhead = Format::kScaled || Piece<Format>::kLoads == 2 ? 1 : 2;
  LetSuccessorStart();
  const int warp = ThreadOfBlock() / 32, lane = ThreadOfBlock() % 32;
  const int block = BlockOfGrid(), part_index = a.PartOf(block);
  const FewRowsPart& part = a.parts[part_index];
  const int64_t last = part.weight.rows - 1;  // rows past it are read as it is, and not stored
  const int64_t row0 = (int64_t{block - part.first_block} * kExactWarps + warp) * (a.gated ? 1 : kExactRows);

  WarpRows<Format, T, kAccess, kM> warp_rows;
  warp_rows.rows[0] = part.weight.At(Least(row0, last));
  warp_rows.rows[1] = a.parts[a.gated ? 1 : part_index].weight.At(Least(a.gated ? row0 : row0 + 1, last));
  warp_rows.x = static_cast<const T*>(a.x);
  warp_rows.x_rows = a.x_rows;
  warp_rows.cols = a.cols;

  const int pieces = (a.cols + 32 * Format::kBlocks - 1) / (32 * Format::kBlocks) * 4;
  Piece<Format> now[kAhead][kExactRows], next[kAhead][kExactRows];
  float sums[kExactRows][kM] = {};
  TESSERA_UNROLLED
  for (int i = 0; i < kAhead; ++i) warp_rows.Load(now[i], lane + 32 * i);
  WaitForPredecessor();
  for (int index = lane; index < pieces; index += 32 * kAhead) {
    TESSERA_UNROLLED
    for (int i = 0; i < kAhead; ++i) warp_rows.Load(next[i], index + 32 * (kAhead + i));
    TESSERA_UNROLLED
    for (int i = 0; i < kAhead; ++i) warp_rows.MultiplyAdd(sums, now[i], index + 32 * i);
    TESSERA_UNROLLED
    for (int i = 0; i < kAhead; ++i) {
      TESSERA_UNROLLED
      for (int r = 0; r < kExactRows; ++r) now[i][r] = next[i][r];
    }
  }
  TESSERA_UNROLLED
  for (int r = 0; r < kExactRows; ++r) {
    TESSERA_UNROLLED
    for (int m = 0; m < kM; ++m) {
      TESSERA_UNROLLED
      for (int other = 16; other > 0; other /= 2) sums[r][m] = AddOfPartner(sums[r][m], other);
    }
  }
  // Every lane has all sums; each finishes one result, of row m of x and row r of the weights.
  const int m = a.gated ? lane : lane / kExactRows, r = a.gated ? 0 : lane % kExactRows;
  float mine = 0, up = 0;
  TESSERA_UNROLLED
  for (int i = 0; i < kM; ++i) {
    if (m == i) mine = r == 0 ? sums[0][i] : sums[1][i], up = sums[1][i];
  }
  const int64_t n = row0 + r;
  if (m >= a.x_rows || n > last) return;
  const float y = a.gated ? Gated(mine, up) : Activated(AddRounded(mine, part.bias.At(n)), part.activation);
  part.y.Set(m * part.weight.rows + n, y);
}

}  // namespace tessera::kernels::cuda
