#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <numeric>
#include <optional>

#include "tessera/cli/bench_report.h"
#include "tessera/cli/cache_type.h"
#include "tessera/cli/commands.h"
#include "tessera/cli/device_flag.h"
#include "tessera/cli/progress.h"
#include "tessera/core/isa.h"
#include "tessera/core/thread_pool.h"
#include "tessera/infer/loaded_model.h"
#include "tessera/kernels/cuda/gpu_probe.h"

namespace tessera::cli {
namespace {

constexpr int64_t kShortPrompt = 8;  // tokens, for the time to the first token

struct Options {
  std::string model, device = kDefaultDevice, cache_type = kAutomaticCacheType;
  infer::BenchmarkOptions benchmark;
  bool json = false, csv = false, markdown = false;
};

double PeakMebibytes() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// The arithmetic that the live instruction set gives weights of that kind, and its peak.
void MeasurePeak(kernels::PeakKind kind, BenchReport& report) {
  report.kind = kind;
  report.operations_per_second = kernels::MeasurePeak(kind);
  if (report.operations_per_second > 0) return;
  report.kind = kernels::PeakKind::kF32;
  report.operations_per_second = kernels::MeasurePeak(report.kind);
}

BenchReport Measure(const Options& o, const Globals& globals) {
  infer::BenchmarkOptions options = o.benchmark;
  const Device device = DeviceFromName(o.device);
  const bool on_gpu = device == Device::kCuda;
  options.cache_dtype = CacheDType(o.cache_type, device);
  if (on_gpu) options.chunk_tokens = infer::kGpuChunkTokens;
  BenchReport report{.model = o.model,
                     .isa = on_gpu ? kernels::cuda::GpuName() : std::string(Name(LiveIsa())),
                     .cache_type = std::string(Name(*options.cache_dtype)),
                     .threads = ThreadCount()};
  const auto start = std::chrono::steady_clock::now();
  const infer::LoadedModel loaded = infer::Load(o.model, infer::FastestOn(device));
  report.load_seconds = SecondsSince(start);
  infer::FirstTokenSeconds(*loaded.model, kShortPrompt, options);
  report.first_token_seconds = SecondsSince(start);
  infer::Pack(*loaded.model, *loaded.checkpoint);
  report.pack_seconds = SecondsSince(start) - report.first_token_seconds;
  const infer::ModelCost cost = infer::CostOf(*loaded.model, *options.cache_dtype);
  report.experts = cost.experts;
  report.chosen = cost.chosen;
  {
    ProgressBar bar(globals, ProgressBar::Unit::kItems);
    std::optional<kernels::ReadProbe> probe;
    std::vector<double> bandwidths;
    infer::BenchmarkWatch watch;
    watch.progress = [&](int64_t done, int64_t total) { bar.Update("measuring", done, total); };
    watch.bandwidth = [&] {
      if (on_gpu) {
        report.peak_mebibytes = PeakMebibytes();
        return bandwidths.emplace_back(kernels::cuda::MeasureCopyBandwidth());
      }
      if (!probe) {
        report.peak_mebibytes = PeakMebibytes();  // before the probe, which takes a buffer
        probe.emplace();
      }
      return bandwidths.emplace_back(probe->Measure());
    };
    report.results = infer::RunBenchmark(*loaded.model, options, cost, watch);
    report.bytes_per_second =
        std::accumulate(bandwidths.begin(), bandwidths.end(), 0.0) / static_cast<double>(bandwidths.size());
  }
  if (on_gpu) {
    report.kind = kernels::PeakKind::kBf16;
    report.operations_per_second = kernels::cuda::MeasureBf16Peak();
  } else {
    MeasurePeak(cost.kind, report);
  }
  return report;
}

void Bench(const Options& o, const Globals& globals) {
  const BenchReport report = Measure(o, globals);
  fmt::print("{}", o.json       ? BenchJson(report)
                   : o.csv      ? BenchCsv(report)
                   : o.markdown ? BenchMarkdown(report)
                                : BenchText(report));
}

}  // namespace

void AddBench(CLI::App& program, const Globals& globals) {
  CLI::App* command = program.add_subcommand("bench", "Measure tokens per second of prompts and of answers");
  command->footer(
      "Examples:\n"
      "  tessera bench smollm2 -p 512 -n 128 -r 5\n"
      "  tessera bench smollm2 -p 0 -n 64 --depth 4096          answers after a long context\n"
      "  tessera bench smollm2 -p 0 -n 64 --sequences 8         eight answers at once");
  const auto o = std::make_shared<Options>();
  command->add_option("MODEL", o->model, "A GGUF file, a directory, org/name or a short name")->required();
  command->add_option("-p,--prompt-tokens", o->benchmark.prompt_tokens, "Length of the prompt (0: leave it out)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("-n,--answer-tokens", o->benchmark.answer_tokens, "Length of the answer (0: leave it out)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("-r,--repetitions", o->benchmark.repetitions, "How often each is measured")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("-d,--depth", o->benchmark.depth, "Tokens that the cache holds before what is measured")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("-s,--sequences", o->benchmark.sequences, "How many at once; rates are of all together")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  AddDevice(*command, o->device);
  AddCacheType(*command, o->cache_type);
  CLI::Option* json = command->add_flag("--json", o->json, "As one JSON object");
  CLI::Option* csv = command->add_flag("--csv", o->csv, "As comma-separated values")->excludes(json);
  command->add_flag("--markdown", o->markdown, "As a Markdown table")->excludes(json)->excludes(csv);
  command->callback([o, &globals] { Bench(*o, globals); });
}

}  // namespace tessera::cli
