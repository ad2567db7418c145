// Megabytes of text a second through a tokenizer, on one core:
//
//   tokenizer_bench MODEL FILE [SECONDS]
//
// Prints one JSON line: {"load_ms", "bytes", "ids", "encode_mb_s", "decode_mb_s"}; the best of the runs that fit into
// SECONDS (default 3) for each direction. bench/compare_tokenizers.py puts the library `tokenizers` beside it.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "bench/report_errors.h"
#include "tessera/core/error.h"
#include "tessera/core/mapped_file.h"
#include "tessera/text/tokenizer.h"

namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// The shortest of the runs that fit into `budget` seconds.
double Best(double budget, const std::function<void()>& body) {
  double best = 1e9;
  for (const auto start = Clock::now(); SecondsSince(start) < budget;) {
    const auto run = Clock::now();
    body();
    best = std::min(best, SecondsSince(run));
  }
  return best;
}

int Run(int argc, char** argv) {
  tessera::Require(argc == 3 || argc == 4, "usage: tokenizer_bench MODEL FILE [SECONDS]");
  const double budget = argc == 4 ? std::atof(argv[3]) : 3;
  const std::string text = tessera::ReadFile(argv[2], int64_t{1} << 30);
  const auto start = Clock::now();
  const auto tokenizer = tessera::text::Tokenizer::Load(argv[1]);
  const double load = SecondsSince(start);
  std::vector<int32_t> ids;
  std::string back;
  const double encode = Best(budget, [&] { ids = tokenizer->Encode(text); });
  const double decode = Best(budget, [&] { back = tokenizer->Decode(ids); });
  const double megabytes = static_cast<double>(text.size()) / 1e6;
  fmt::print(R"({{"load_ms": {:.1f}, "bytes": {}, "ids": {}, "encode_mb_s": {:.2f}, "decode_mb_s": {:.2f}}})"
             "\n",
             load * 1e3, text.size(), ids.size(), megabytes / encode, megabytes / decode);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return tessera::bench::ReportErrors("tokenizer_bench", [&] { return Run(argc, argv); });
}
