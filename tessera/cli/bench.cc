#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <chrono>

#include "tessera/cli/commands.h"
#include "tessera/cli/progress.h"
#include "tessera/core/isa.h"
#include "tessera/core/thread_pool.h"
#include "tessera/infer/benchmark.h"
#include "tessera/infer/loaded_model.h"

namespace tessera::cli {
namespace {

struct Options {
  std::string model, cache_type = "f16";
  infer::BenchmarkOptions benchmark;
  bool json = false;
};

double PeakMebibytes() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

void PrintTable(const std::string& model, const std::vector<infer::BenchmarkResult>& results) {
  fmt::print("| model | isa | threads | test | tokens/s |\n| --- | --- | ---: | --- | ---: |\n");
  for (const infer::BenchmarkResult& r : results) {
    fmt::print("| {} | {} | {} | {} | {:.1f} ± {:.1f} |\n", model, Name(LiveIsa()), ThreadCount(), r.name, r.mean(),
               r.deviation());
  }
}

void Bench(const Options& o, const Globals& globals) {
  const auto start = std::chrono::steady_clock::now();
  const infer::LoadedModel loaded = infer::Load(o.model);
  const double load_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  infer::BenchmarkOptions options = o.benchmark;
  options.cache_dtype = DTypeFromName(o.cache_type);
  std::vector<infer::BenchmarkResult> results;
  {
    ProgressBar bar(globals, ProgressBar::Unit::kItems);
    results = infer::RunBenchmark(*loaded.model, options,
                                  [&](int64_t done, int64_t total) { bar.Update("measuring", done, total); });
  }
  if (!o.json) {
    PrintTable(o.model, results);
    fmt::print("\nload {:.2f} s, peak memory {:.0f} MiB\n", load_seconds, PeakMebibytes());
    return;
  }
  Json tests = Json::array();
  for (const infer::BenchmarkResult& r : results) {
    tests.push_back({{"test", r.name},
                     {"tokens", r.tokens},
                     {"tokens_per_second", r.mean()},
                     {"deviation", r.deviation()},
                     {"samples", r.tokens_per_second}});
  }
  const Json report = {{"model", o.model},         {"isa", Name(LiveIsa())},
                       {"threads", ThreadCount()}, {"load_seconds", load_seconds},
                       {"tests", tests},           {"peak_mebibytes", PeakMebibytes()}};
  fmt::print("{}\n", report.dump());
}

}  // namespace

void AddBench(CLI::App& program, const Globals& globals) {
  CLI::App* command = program.add_subcommand("bench", "Measure tokens per second of prompts and of answers");
  command->footer("Example:\n  tessera bench smollm2 -p 512 -n 128 -r 5");
  const auto o = std::make_shared<Options>();
  command->add_option("MODEL", o->model, "A GGUF file, a directory, org/name or a short name")->required();
  command->add_option("-p,--prompt-tokens", o->benchmark.prompt_tokens, "Length of the prompt (0: leave it out)")
      ->check(CLI::NonNegativeNumber);
  command->add_option("-n,--answer-tokens", o->benchmark.answer_tokens, "Length of the answer (0: leave it out)")
      ->check(CLI::NonNegativeNumber);
  command->add_option("-r,--repetitions", o->benchmark.repetitions, "How often each is measured")
      ->check(CLI::PositiveNumber);
  command->add_option("--cache-type", o->cache_type, "How keys and values are kept: f32, bf16, f16 or q8_0")
      ->check(CLI::IsMember({"f32", "bf16", "f16", "q8_0"}));
  command->add_flag("--json", o->json, "As one JSON object");
  command->callback([o, &globals] { Bench(*o, globals); });
}

}  // namespace tessera::cli
