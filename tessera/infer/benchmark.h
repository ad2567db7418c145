#pragma once
// How fast a model runs here: tokens per second of prompts and of answers.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tessera/infer/engine.h"

namespace tessera::infer {

struct BenchmarkOptions {
  int64_t prompt_tokens = 512;  // 0: leave the prompt test out
  int64_t answer_tokens = 128;  // 0: leave the answer test out
  int64_t repetitions = 5;
  DType cache_dtype = DType::kF16;
  int64_t chunk_tokens = 512;
};

struct BenchmarkResult {
  std::string name;  // "pp512": a prompt of 512 tokens; "tg128": 128 tokens one after the other
  int64_t tokens = 0;
  std::vector<double> tokens_per_second;  // one a repetition
  double mean() const;
  double deviation() const;  // of the sample; 0 for one repetition
};

// Runs each test once unmeasured, then `repetitions` times on tokens that no earlier run shared. `progress` is told how
// many of how many runs are done. Throws Error for options out of range or longer than the model's context.
std::vector<BenchmarkResult> RunBenchmark(const models::LanguageModel& model, const BenchmarkOptions& options,
                                          const std::function<void(int64_t, int64_t)>& progress);

}  // namespace tessera::infer
