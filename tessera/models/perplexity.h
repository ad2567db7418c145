#pragma once
// How well a model foretells a text.
//
//   nll_i = -ln p(token_i | tokens before it in its window);   perplexity = exp(mean nll)
//
// A window of W tokens moves by S: every token but the first is scored once, in the first window that holds it. So the
// first window scores W - 1 tokens, each later one the S that are new, with at least W - S tokens before them.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "tessera/models/language_model.h"

namespace tessera::models {

struct PerplexityOptions {
  int64_t window = 512;                                       // W
  int64_t stride = 256;                                       // S, 1 … W - 1
  std::optional<DType> cache;                                 // keys and values pass through pages of this type
  std::function<void(int64_t done, int64_t total)> progress;  // tokens scored, after each window
};

struct PerplexityResult {
  std::vector<float> log_probabilities;  // of tokens 1, 2, …: ln p, one less than the tokens
  double mean_nll = 0;
  double perplexity = 0;
  double standard_error = 0;  // of the perplexity: perplexity · sd(nll) / sqrt(n), were the nll independent
};

// Throws Error for fewer than two tokens, an id outside the vocabulary, or a window or stride out of range.
PerplexityResult MeasurePerplexity(const LanguageModel& model, std::span<const int64_t> tokens,
                                   const PerplexityOptions& options = {});

}  // namespace tessera::models
