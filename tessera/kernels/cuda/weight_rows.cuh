#pragma once
// Weights on the GPU as the kernels' launchers see them.

#include "tessera/core/tensor.h"
#include "tessera/kernels/cuda/result_values.cuh"
#include "tessera/kernels/cuda/weight_values.cuh"

namespace tessera::kernels::cuda {

// Whether it is f32, bf16 or packed in blocks that kernels know.
bool IsKnownWeight(const Tensor& weight);
WeightView ViewOfWeight(const Tensor& weight);
// Whether rows of this tensor may be read 16 bytes at a time, eight values a lane.
bool HasWholeRows(const Tensor& x);

// y [T, K] = the rows ids[t] of the weight [N, K], or, with ids null, those from `first` on; rounded once to y's dtype.
// A row outside the weight is NaN.
void WriteRows(const Tensor& weight, const int64_t* ids, int64_t first, Tensor& y);

}  // namespace tessera::kernels::cuda
