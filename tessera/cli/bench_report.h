#pragma once
// What `tessera bench` found, as text, JSON, CSV and Markdown.

#include <string>
#include <string_view>
#include <vector>

#include "tessera/infer/benchmark.h"

namespace tessera::cli {

struct BenchReport {
  std::string model, isa, cache_type;
  int threads = 0;
  std::vector<infer::BenchmarkResult> results;
  double load_seconds = 0;
  double first_token_seconds = 0;    // from the start of loading to the first token of a short prompt's answer
  double pack_seconds = 0;           // of what is put off until the first token is there
  double peak_mebibytes = 0;         // of resident memory, mapped weights included
  double bytes_per_second = 0;       // that the machine read, on average over the runs
  double operations_per_second = 0;  // that it computes at best, in the arithmetic named by `kind`
  kernels::PeakKind kind = kernels::PeakKind::kF32;
  int64_t experts = 0, chosen = 0;  // of a mixture of experts: in a layer, and at work for a token
};

// How near a result is to the machine's limit: the time that its bytes or its operations need at least, whichever is
// longer, as a part of the time taken. Where the memory was asked around each run, each is held against that, and their
// mean is given.
struct LimitShare {
  double share = 0;        // 0 … 1
  std::string_view limit;  // "bandwidth", "f32", "bf16" or "int8"
};
LimitShare ShareOfLimit(const infer::BenchmarkResult& result, const BenchReport& report);

std::string BenchText(const BenchReport& report);      // a table for the eye, and lines below it
std::string BenchMarkdown(const BenchReport& report);  // a table that GitHub renders, and lines below it
std::string BenchCsv(const BenchReport& report);       // a header and one line a test; model names are quoted
std::string BenchJson(const BenchReport& report);      // one object on one line, with every sample

}  // namespace tessera::cli
