#pragma once
// The likeliest continuation of sequences, token by token: how models are compared with other frameworks.

#include <cstdint>
#include <span>
#include <vector>

#include "tessera/infer/prompt_vision.h"
#include "tessera/models/language_model.h"

namespace tessera::infer {

struct GreedyOptions {
  int64_t tokens = 1;                         // of each continuation, whatever ids come: end-of-text ids do not end it
  DType cache_dtype = DType::kF32;            // of the keys and values kept
  std::span<const PromptVision> vision = {};  // one a prompt, or none at all
  std::vector<int64_t> never = {};            // ids that are passed over
};

// The ids that follow each prompt: i64 [prompts, tokens]. Throws Error for an empty prompt, an id outside the
// vocabulary and a sequence longer than the model's context.
Tensor Greedy(const models::LanguageModel& model, std::span<const std::vector<int64_t>> prompts,
              const GreedyOptions& options);

}  // namespace tessera::infer
