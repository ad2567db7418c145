#pragma once
// Products of up to kFewRows rows: y = f(x wᵀ + bias) for up to four weights of one x, or silu(x gateᵀ) ∘ (x upᵀ), in
// one launch. Every byte of the weights is read once; x comes through the caches.
//
//   x bf16, weight bf16 or blocks    few_rows_matrix.cuh: a matrix instruction multiplies 16 rows of the weight and 8
//   of
//                                    x, whose products are exact and whose sums are f32
//   everything else                  few_rows_exact.cuh: f32 times f32, one fmaf a value
//
// Both take a row of x alone and in company through the same sums in the same order, so its bits are the same.

#include <span>

#include "tessera/kernels/cuda/result_values.cuh"
#include "tessera/kernels/cuda/weight_values.cuh"

namespace tessera::kernels::cuda {

inline constexpr int kMostParts = 4;

// One weight of a launch: y[m][n] for its rows n, by the blocks from `first_block` on.
struct FewRowsPart {
  WeightView weight;
  FloatsIn bias;
  FloatsOut y;
  Activation activation = Activation::kNone;
  int first_block = 0;
};
struct FewRowsArguments {
  FewRowsPart parts[kMostParts];
  int part_count = 0;
  bool gated = false;  // parts[0] is the gate and parts[1] is up: one y, parts[0].y, and one set of blocks
  const void* x = nullptr;
  int x_rows = 0, cols = 0;

  // The part whose work `block` does.
  TESSERA_LANE int PartOf(int block) const {
    int part = 0;
    if (!gated)
      while (part + 1 < part_count && block >= parts[part + 1].first_block) ++part;
    return part;
  }
};

// How the weight's rows and those of x may be read.
enum class RowAccess : uint8_t {
  kWhole,   // 16 bytes at a time: rows begin at multiples of 16 bytes and K is a multiple of 8
  kSingle,  // value by value
};

// The launchers. `weight` is the dtype of all parts; they set first_block.
void MultiplyFewRowsByMatrix(FewRowsArguments arguments, DType weight);
void MultiplyFewRowsExactly(FewRowsArguments arguments, DType x, DType weight, RowAccess access);

// Sets each part's first block, for blocks of `rows` rows of the weight (of each weight, if gated); how many there are.
int64_t CountBlocks(FewRowsArguments& arguments, int rows);

}  // namespace tessera::kernels::cuda
