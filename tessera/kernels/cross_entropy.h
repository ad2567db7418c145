#pragma once
// Cross-entropy of each row's softmax against its label, without the [T, V] matrix of probabilities.

#include <span>

#include "tessera/core/tensor.h"

namespace tessera::kernels {

struct CrossEntropyTarget {
  std::span<const int64_t> labels;  // [T] in 0 … V - 1, or ignore_index
  float z_loss = 0;                 // weight of lse², which keeps the logits near 0 (Chowdhery et al. 2022, section 5)
  int64_t ignore_index = -100;      // rows with this label do not count
};

struct CrossEntropyResult {
  Tensor loss;          // [] mean over counted rows of lse - logit[label] + z_loss · lse²; 0 if none counts
  Tensor lse;           // [T] ln Σ e^logit
  int64_t counted = 0;  // rows that do
};
// logits [T, V] contiguous floating point. Loss and lse are f32 (f64 for f64). Rows are added in blocks of a fixed
// size.
CrossEntropyResult CrossEntropy(const Tensor& logits, const CrossEntropyTarget& target);

// dlogits = dy / counted · ((1 + 2 z_loss lse) softmax - onehot(label)), zero for rows that do not count; dy [].
Tensor CrossEntropyVjp(const Tensor& dy, const Tensor& logits, const CrossEntropyTarget& target,
                       const CrossEntropyResult& forward);
// The directional derivative of the loss along `dlogits` [T, V].
Tensor CrossEntropyJvp(const Tensor& dlogits, const Tensor& logits, const CrossEntropyTarget& target,
                       const CrossEntropyResult& forward);

}  // namespace tessera::kernels
