#pragma once
// How fast a model runs here: tokens per second of prompts and of answers.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tessera/infer/engine.h"
#include "tessera/infer/model_cost.h"

namespace tessera::infer {

struct BenchmarkOptions {
  int64_t prompt_tokens = 512;  // 0: leave the prompt test out
  int64_t answer_tokens = 128;  // 0: leave the answer test out
  int64_t repetitions = 5;
  int64_t depth = 0;                 // tokens in each sequence's cache before what is measured
  int64_t sequences = 1;             // at once; rates are of all of them together
  std::optional<DType> cache_dtype;  // none: kernels::FastKvDType()
  int64_t chunk_tokens = 512;
};

struct BenchmarkResult {
  std::string name;  // "pp512": a prompt of 512 tokens; "tg128": 128 tokens one after the other; then " @ d4096" for a
                     // depth and " x 8" for several sequences
  int64_t tokens = 0;
  std::vector<double> tokens_per_second;  // one a repetition
  std::vector<double> bytes_per_second;   // what the memory gave around each of them; none: not asked
  double bytes_per_token = 0;             // that must be read, by ModelCost
  double operations_per_token = 0;        // that must be done
  double experts_read = 0;                // of a layer by a full pass, on average; 0: the model has none
  double mean() const;
  double deviation() const;  // of the sample; 0 for one repetition
};

struct BenchmarkWatch {
  std::function<void(int64_t done, int64_t total)> progress = {};  // how many of how many runs are done
  // What the memory gives, bytes a second: asked once everything has run once, and after each measured run.
  std::function<double()> bandwidth = {};
};

// Runs each test once unmeasured, then `repetitions` times. Prompts are drawn from a Zipf law over the vocabulary; no
// two runs share tokens but those of the depth, which are computed once. Throws Error for options out of range or
// longer than the model's context.
std::vector<BenchmarkResult> RunBenchmark(const models::LanguageModel& model, const BenchmarkOptions& options,
                                          const ModelCost& cost, const BenchmarkWatch& watch = {});

// Seconds that a fresh engine takes for a prompt of that many tokens and the first token of its answer.
double FirstTokenSeconds(const models::LanguageModel& model, int64_t prompt_tokens, const BenchmarkOptions& options);

}  // namespace tessera::infer
