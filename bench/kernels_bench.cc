// Each main kernel alone against what the machine can do: time, operations a second beside the measured peak of that
// arithmetic, bytes a second beside the measured bandwidth, and the larger of the two as the share of its limit.
//
//   kernels_bench                          all, about three minutes
//   kernels_bench "product q4"             those whose name contains one of the texts
//   kernels_bench --json …                 one object, as bench/compare reads it
//   kernels_bench --roofline FILE.svg …    draws them as well
//
// TESSERA_ISA and TESSERA_THREADS choose what it runs on.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <functional>

#include "bench/kernel_cases.h"
#include "bench/roofline.h"
#include "tessera/core/isa.h"
#include "tessera/core/json.h"
#include "tessera/core/thread_pool.h"

namespace {

using namespace tessera;
using kernels::PeakKind;

struct Machine {
  std::array<double, 3> peaks{};  // by PeakKind; 0 where the instruction set has no such arithmetic
  double bandwidth = kernels::MeasureReadBandwidth();

  Machine() {
    for (const PeakKind kind : {PeakKind::kF32, PeakKind::kBf16, PeakKind::kInt8})
      peaks[static_cast<size_t>(kind)] = kernels::MeasurePeak(kind);
  }
  // Where the instruction set lacks an arithmetic, f32 stands in for it.
  double Peak(PeakKind kind) const {
    const double peak = peaks[static_cast<size_t>(kind)];
    return peak > 0 ? peak : peaks[0];
  }
};

double Now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// The median of the runs that fit into the budget, three at least. The best would now and then find a weight in a
// cache.
double MedianSeconds(const bench::KernelCase& kernel, double budget) {
  const std::function<void()> run = kernel.prepare();
  run();
  std::vector<double> seconds;
  for (const double end = Now() + budget; seconds.size() < 3 || Now() < end;) {
    const double start = Now();
    run();
    seconds.push_back(Now() - start);
  }
  const auto middle = seconds.begin() + std::ssize(seconds) / 2;
  std::ranges::nth_element(seconds, middle);
  return *middle;
}

struct Result {
  bench::KernelCase kernel;
  double seconds = 0, of_peak = 0, of_bandwidth = 0;
};

void PrintTable(const Result& r) {
  const double operations = r.kernel.operations / r.seconds;
  fmt::print("{:<44} {:>10.1f} us", r.kernel.name, r.seconds * 1e6);
  fmt::print(" {:>8} {:>6}", operations > 0 ? fmt::format("{:.1f}", operations * 1e-9) : "",
             operations > 0 ? fmt::format("{:.0f} %", 100 * r.of_peak) : "");
  fmt::print(" {:>8.1f} {:>4.0f} %  {:>4.0f} %\n", r.kernel.bytes / r.seconds * 1e-9, 100 * r.of_bandwidth,
             100 * std::max(r.of_peak, r.of_bandwidth));
  std::fflush(stdout);
}

Json AsJson(const Result& r) {
  return {{"test", r.kernel.name},
          {"seconds", r.seconds},
          {"operations", r.kernel.operations},
          {"bytes", r.kernel.bytes},
          {"rate", r.kernel.operations > 0 ? r.kernel.operations / r.seconds : r.kernel.bytes / r.seconds},
          {"share_of_limit", std::max(r.of_peak, r.of_bandwidth)}};
}

void DrawAll(const std::string& path, const Machine& machine, const std::vector<Result>& results) {
  std::vector<bench::Roof> roofs;
  for (const PeakKind kind : {PeakKind::kF32, PeakKind::kBf16, PeakKind::kInt8}) {
    if (machine.peaks[static_cast<size_t>(kind)] > 0)
      roofs.push_back({std::string(Name(kind)), machine.peaks[static_cast<size_t>(kind)]});
  }
  std::vector<bench::RooflinePoint> points;
  for (const Result& r : results) {
    if (r.kernel.operations > 0)
      points.push_back({r.kernel.name, r.kernel.operations / r.kernel.bytes, r.kernel.operations / r.seconds});
  }
  std::ofstream(path) << bench::DrawRoofline(machine.bandwidth, roofs, points);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App program("Each main kernel alone against what the machine can do");
  std::vector<std::string> wanted;
  std::string roofline;
  bool json = false;
  double budget = 0.3;
  bench::CaseSizes sizes;
  program.add_option("NAME", wanted, "Parts of the names of those to run; none: all");
  program.add_flag("--json", json, "One JSON object");
  program.add_option("--roofline", roofline, "Draw the results into this SVG file");
  program.add_option("--inputs", sizes.inputs, "Of the weights, a multiple of 256")->capture_default_str();
  program.add_option("--outputs", sizes.outputs, "Of the weights")->capture_default_str();
  program.add_option("--rows", sizes.rows, "Of activations of products")->capture_default_str();
  program.add_option("--tokens", sizes.tokens, "Of attention")->capture_default_str();
  program.add_option("--seconds", budget, "For each kernel")->capture_default_str();
  CLI11_PARSE(program, argc, argv);
  const Machine machine;
  if (!json) {
    fmt::print("{}, {} threads; reads {:.1f} GB/s; computes {:.0f} Gop/s in f32, {:.0f} in bf16, {:.0f} in int8\n\n",
               Name(LiveIsa()), ThreadCount(), machine.bandwidth * 1e-9, machine.peaks[0] * 1e-9,
               machine.peaks[1] * 1e-9, machine.peaks[2] * 1e-9);
    fmt::print("{:<44} {:>13} {:>8} {:>6} {:>8} {:>6}  {:>6}\n", "kernel", "time", "Gop/s", "peak", "GB/s", "memory",
               "limit");
  }
  std::vector<Result> results;
  Json tests = Json::array();
  for (bench::KernelCase& kernel : bench::KernelCases(sizes)) {
    const bool chosen = wanted.empty() || std::ranges::any_of(wanted, [&](const std::string& part) {
                          return kernel.name.find(part) != std::string::npos;
                        });
    if (!chosen) continue;
    Result r{.kernel = std::move(kernel)};
    r.seconds = MedianSeconds(r.kernel, budget);
    r.of_peak = r.kernel.operations / r.seconds / machine.Peak(r.kernel.kind);
    r.of_bandwidth = r.kernel.bytes / r.seconds / machine.bandwidth;
    json ? tests.push_back(AsJson(r)) : PrintTable(r);
    results.push_back(std::move(r));
  }
  if (json) {
    const Json machine_json = {{"bytes_per_second", machine.bandwidth}, {"operations_per_second", machine.peaks}};
    fmt::print("{}\n", Json{{"machine", machine_json}, {"isa", Name(LiveIsa())}, {"tests", tests}}.dump());
  }
  if (!roofline.empty()) DrawAll(roofline, machine, results);
}
