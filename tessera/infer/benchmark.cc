#include "tessera/infer/benchmark.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <numeric>

#include "tessera/core/random.h"

namespace tessera::infer {
namespace {

std::vector<int32_t> RandomTokens(int64_t count, int64_t vocab, Random& random) {
  std::vector<int32_t> tokens(static_cast<size_t>(count));
  for (int32_t& token : tokens) token = static_cast<int32_t>(random.Below(static_cast<uint64_t>(vocab)));
  return tokens;
}

// Seconds from the first pass to the last token of the request, its prompt's own last pass left out for answers.
double Seconds(Engine& engine, Request request, bool answers_only) {
  engine.Submit(std::move(request));
  auto start = std::chrono::steady_clock::now();
  if (answers_only) {
    engine.Step();
    start = std::chrono::steady_clock::now();
  }
  while (!engine.idle()) engine.Step();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

double BenchmarkResult::mean() const {
  const double sum = std::accumulate(tokens_per_second.begin(), tokens_per_second.end(), 0.0);
  return sum / static_cast<double>(tokens_per_second.size());
}

double BenchmarkResult::deviation() const {
  if (tokens_per_second.size() < 2) return 0;
  double squares = 0;
  for (const double rate : tokens_per_second) squares += (rate - mean()) * (rate - mean());
  return std::sqrt(squares / static_cast<double>(tokens_per_second.size() - 1));
}

std::vector<BenchmarkResult> RunBenchmark(const models::LanguageModel& model, const BenchmarkOptions& options,
                                          const std::function<void(int64_t, int64_t)>& progress) {
  Require(options.prompt_tokens >= 0 && options.answer_tokens >= 0 && options.repetitions >= 1,
          "bench: {} prompt tokens, {} answer tokens, {} repetitions: the first two must be at least 0, the last at "
          "least 1",
          options.prompt_tokens, options.answer_tokens, options.repetitions);
  const int64_t context = std::max(options.prompt_tokens + 1, options.answer_tokens + 2);
  Engine engine(model, {.context = context, .cache_dtype = options.cache_dtype, .chunk_tokens = options.chunk_tokens});
  Random random(1);
  std::vector<BenchmarkResult> results;
  const int64_t tests = (options.prompt_tokens > 0 ? 1 : 0) + (options.answer_tokens > 0 ? 1 : 0);
  int64_t done = 0;
  const auto run = [&](const std::string& name, int64_t tokens, int64_t prompt, int64_t answer) {
    if (tokens == 0) return;
    BenchmarkResult& result = results.emplace_back(BenchmarkResult{.name = name, .tokens = tokens});
    for (int64_t i = -1; i < options.repetitions; ++i) {
      Request request{
          .prompt = RandomTokens(prompt, model.summary().vocab, random), .max_tokens = answer, .ignore_eos = true};
      const double seconds = Seconds(engine, std::move(request), answer > 1);
      if (i >= 0) result.tokens_per_second.push_back(static_cast<double>(tokens) / seconds);
      progress(++done, tests * (options.repetitions + 1));
    }
  };
  run(fmt::format("pp{}", options.prompt_tokens), options.prompt_tokens, options.prompt_tokens, 1);
  run(fmt::format("tg{}", options.answer_tokens), options.answer_tokens, 1, options.answer_tokens + 1);
  return results;
}

}  // namespace tessera::infer
