#pragma once
// Pictures in a request: what stands in the prompt instead of its placeholders' own embeddings, and where every token
// then stands.

#include <cstdint>
#include <string>
#include <vector>

#include "tessera/core/tensor.h"

namespace tessera::infer {

// Rows begin … begin + N - 1 of a prompt stand for one input.
struct PromptFeatures {
  int64_t begin = 0;
  Tensor features;      // [N, C], what the model's encoder gave
  std::string content;  // a digest of what was encoded: equal texts mean equal features
};

struct PromptVision {
  std::vector<PromptFeatures> features;  // ascending, none overlapping
  Tensor positions;                      // i64 [3, T] of the prompt's T tokens; undefined: each its own number

  bool empty() const { return features.empty(); }
};

// Throws Error unless `vision` fits a prompt of that many tokens and a model of that width.
void CheckPromptVision(const PromptVision& vision, int64_t prompt_tokens, int64_t hidden);

}  // namespace tessera::infer
