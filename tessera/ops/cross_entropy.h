#pragma once
// The loss that language models are trained with.

#include "tessera/core/tensor.h"

namespace tessera::ops {

struct CrossEntropyOptions {
  float z_loss = 0;             // weight of lse², which keeps the logits near 0 (Chowdhery et al. 2022, section 5)
  int64_t ignore_index = -100;  // rows with this label do not count
};

// The mean, over the rows that count, of  lse - logits[t, label] + z_loss · lse²  with  lse = ln Σ_v e^logits[t, v].
//
//   logits   [T, V]  f64, f32, bf16 or f16, contiguous
//   labels   [T]     i64, each in 0 … V - 1 or ignore_index
//   returns  []      f32 (f64 for f64); 0 with zero gradient if no row counts
//
// Memory beside the operands is O(T); rows are added in a fixed order. Differentiable in logits.
// Throws Error if the shapes disagree or a label lies outside; names the place.
Tensor CrossEntropy(const Tensor& logits, const Tensor& labels, const CrossEntropyOptions& options = {});

}  // namespace tessera::ops
