#include "tessera/infer/benchmark.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <numeric>
#include <unordered_set>

#include "tessera/infer/zipf.h"

namespace tessera::infer {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

constexpr int64_t kMaxTokens = int64_t{1} << 24;  // far beyond any context

void CheckOptions(const BenchmarkOptions& o) {
  Require(o.prompt_tokens >= 0 && o.answer_tokens >= 0 && o.repetitions >= 1,
          "bench: {} prompt tokens, {} answer tokens, {} repetitions: the first two must be at least 0, the last at "
          "least 1",
          o.prompt_tokens, o.answer_tokens, o.repetitions);
  Require(o.prompt_tokens <= kMaxTokens && o.answer_tokens <= kMaxTokens && o.depth <= kMaxTokens,
          "bench: {} prompt tokens, {} answer tokens, depth {}: the limit of each is {}", o.prompt_tokens,
          o.answer_tokens, o.depth, kMaxTokens);
  Require(o.prompt_tokens > 0 || o.answer_tokens > 0,
          "bench: 0 prompt tokens and 0 answer tokens leave nothing to measure");
  Require(o.depth >= 0 && o.sequences >= 1 && o.sequences <= 1024,
          "bench: depth {} must be at least 0, {} sequences at least 1 and at most 1024", o.depth, o.sequences);
}

class Bench {
 public:
  Bench(const models::LanguageModel& model, const BenchmarkOptions& options, const ModelCost& cost)
      : options_(options), cost_(cost), law_(model.summary().vocab), engine_(model, EngineFor(options)) {
    for (int64_t i = 0; i < options.sequences; ++i) prefixes_.push_back(law_.Draw(random_, options.depth));
  }

  // A run of prompts, in tokens a second: from the first pass to the last sequence's first token. Tokens of the depth
  // that the cache does not hold (less than a page of each sequence, and all of them in the first run) count as well.
  double PromptRate() {
    Submit(options_.prompt_tokens, 1);
    const int64_t before = engine_.stats().prompt_tokens;
    const auto start = Clock::now();
    while (!engine_.idle()) engine_.Step();
    return static_cast<double>(engine_.stats().prompt_tokens - before) / SecondsSince(start);
  }

  // A run of answers, in tokens a second: those that come after every sequence has its first.
  double AnswerRate() {
    Submit(1, options_.answer_tokens + 1);
    std::unordered_set<RequestId> answering;
    while (std::ssize(answering) < options_.sequences)
      for (const TokenEvent& event : engine_.Step()) answering.insert(event.id);
    const auto start = Clock::now();
    int64_t tokens = 0;
    while (!engine_.idle()) tokens += std::ssize(engine_.Step());
    return static_cast<double>(tokens) / SecondsSince(start);
  }

  // What a token of each test needs, when all rows of a pass share the reading of the weights.
  void SetPromptCost(BenchmarkResult& result) const {
    const int64_t rows = options_.sequences * options_.prompt_tokens;
    const int64_t whole = rows / options_.chunk_tokens, rest = rows % options_.chunk_tokens;
    const auto pass = [&](int64_t r) { return cost_.WeightBytes(r) + static_cast<double>(cost_.logits_bytes); };
    const double bytes = static_cast<double>(whole) * pass(options_.chunk_tokens) + (rest > 0 ? pass(rest) : 0);
    const auto logits = static_cast<double>(options_.sequences);
    result.bytes_per_token = bytes / static_cast<double>(rows);
    result.experts_read = cost_.ExpertsRead(std::min(rows, options_.chunk_tokens));
    result.operations_per_token = static_cast<double>(cost_.row_operations) +
                                  logits * static_cast<double>(cost_.logits_operations) / static_cast<double>(rows);
  }
  void SetAnswerCost(BenchmarkResult& result) const {
    const double positions = static_cast<double>(options_.depth) + static_cast<double>(options_.answer_tokens) / 2 + 1;
    const double weights = cost_.WeightBytes(options_.sequences) + static_cast<double>(cost_.logits_bytes);
    result.bytes_per_token =
        weights / static_cast<double>(options_.sequences) + positions * static_cast<double>(cost_.cache_bytes);
    result.experts_read = cost_.ExpertsRead(options_.sequences);
    result.operations_per_token = static_cast<double>(cost_.row_operations + cost_.logits_operations);
  }

 private:
  BenchmarkOptions options_;
  ModelCost cost_;
  Zipf law_;
  Random random_{1};
  Engine engine_;
  std::vector<std::vector<int32_t>> prefixes_;  // one a sequence: its tokens of the depth

  static EngineOptions EngineFor(const BenchmarkOptions& o) {
    const int64_t context = o.depth + std::max(o.prompt_tokens + 1, o.answer_tokens + 2);
    const int64_t pages = (context + kernels::kPageTokens - 1) / kernels::kPageTokens;
    return {.context = context,
            .cache_tokens = o.sequences * pages * kernels::kPageTokens,
            .cache_dtype = o.cache_dtype,
            .chunk_tokens = o.chunk_tokens,
            .max_sequences = o.sequences};
  }

  void Submit(int64_t prompt_tokens, int64_t answer_tokens) {
    for (const std::vector<int32_t>& prefix : prefixes_) {
      Request request{.prompt = prefix, .max_tokens = answer_tokens, .ignore_eos = true};
      for (const int32_t id : law_.Draw(random_, prompt_tokens)) request.prompt.push_back(id);
      engine_.Submit(std::move(request));
    }
  }
};

std::string NameOf(const char* test, int64_t tokens, const BenchmarkOptions& o) {
  std::string name = fmt::format("{}{}", test, tokens);
  if (o.depth > 0) name += fmt::format(" @ d{}", o.depth);
  if (o.sequences > 1) name += fmt::format(" x {}", o.sequences);
  return name;
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
                                          const ModelCost& cost, const BenchmarkWatch& watch) {
  CheckOptions(options);
  Bench bench(model, options, cost);
  std::vector<BenchmarkResult> results;
  std::vector<double (Bench::*)()> runs;  // one of each result
  if (options.prompt_tokens > 0) {
    bench.SetPromptCost(results.emplace_back(BenchmarkResult{.name = NameOf("pp", options.prompt_tokens, options),
                                                             .tokens = options.sequences * options.prompt_tokens}));
    runs.push_back(&Bench::PromptRate);
  }
  if (options.answer_tokens > 0) {
    bench.SetAnswerCost(results.emplace_back(BenchmarkResult{.name = NameOf("tg", options.answer_tokens, options),
                                                             .tokens = options.sequences * options.answer_tokens}));
    runs.push_back(&Bench::AnswerRate);
  }
  int64_t done = 0;
  const auto run = [&](size_t test) {
    const double rate = (bench.*runs[test])();
    if (watch.progress) watch.progress(++done, std::ssize(runs) * (options.repetitions + 1));
    return rate;
  };
  for (size_t test = 0; test < runs.size(); ++test) run(test);
  double before = watch.bandwidth ? watch.bandwidth() : 0;
  for (size_t test = 0; test < runs.size(); ++test) {
    for (int64_t i = 0; i < options.repetitions; ++i) {
      results[test].tokens_per_second.push_back(run(test));
      if (!watch.bandwidth) continue;
      const double after = watch.bandwidth();
      results[test].bytes_per_second.push_back((before + after) / 2);
      before = after;
    }
  }
  return results;
}

double FirstTokenSeconds(const models::LanguageModel& model, int64_t prompt_tokens, const BenchmarkOptions& options) {
  Require(prompt_tokens >= 1, "bench: a prompt of {} tokens; at least one is needed", prompt_tokens);
  Random random(2);
  Request request{.prompt = Zipf(model.summary().vocab).Draw(random, prompt_tokens), .max_tokens = 1};
  const auto start = Clock::now();
  Engine engine(model, {.context = prompt_tokens + 1, .cache_dtype = options.cache_dtype});
  engine.Submit(std::move(request));
  while (!engine.idle()) engine.Step();
  return SecondsSince(start);
}

}  // namespace tessera::infer
