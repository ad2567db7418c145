#pragma once
// What a pass says of the next tokens.

#include <cstdint>
#include <vector>

#include "tessera/core/tensor.h"

namespace tessera::infer {

struct Scores {
  Tensor logits = {};                   // f32 [rows, V], on the processor; undefined if `likeliest` is all there is
  std::vector<int32_t> likeliest = {};  // of each row, where a GPU chose it; else empty
};

// The likeliest tokens of logits on a GPU, as keys there, i64 [rows]; and keys on the processor as tokens.
Tensor LikeliestOnGpu(const Tensor& logits);
std::vector<int32_t> ReadLikeliest(const Tensor& keys);

}  // namespace tessera::infer
