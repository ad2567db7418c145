#pragma once
// What becomes of a product's sums: y = round(f(round(sums + bias))), f an activation function or nothing.

#include <cstddef>
#include <cstdint>

#include "tessera/core/dtype.h"
#include "tessera/kernels/activation.h"

namespace tessera::kernels {

// A rectangle of sums on their way to y.
struct SumsToFinish {
  const float* sums = nullptr;
  int64_t stride = 0;  // from row to row, in values
  int64_t rows = 0, columns = 0;
  const float* bias = nullptr;  // [columns]; null: none
  Activation activation = Activation::kNone;
  DType dtype = DType::kF32;  // of y: f32, bf16 or f16
  std::byte* y = nullptr;
  int64_t y_stride = 0;  // from row to row, in values

  // Whether sums are y as they are.
  bool plain() const { return bias == nullptr && activation == Activation::kNone && dtype == DType::kF32; }
};

// Few operations for each value while it is in L1: they add nothing to what an inner loop moves, where an operator of
// its own would read and write all of y. The activation function sees rounded values, as that operator would.
void FinishSums(const SumsToFinish& finish);

}  // namespace tessera::kernels
