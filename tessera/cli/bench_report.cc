#include "tessera/cli/bench_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "tessera/core/json.h"
#include "tessera/core/json_text.h"
#include "tessera/math/numeric/coverage.h"

namespace tessera::cli {
namespace {

std::string ShareText(const infer::BenchmarkResult& result, const BenchReport& report) {
  const LimitShare share = ShareOfLimit(result, report);
  return share.limit.empty() ? "" : fmt::format("{:.0f} % of {}", 100 * share.share, share.limit);
}

// "experts: 6 of 64 work for a token; a pass of pp512 reads 64.0, tg128 reads 6.0 on average; …"
std::string Experts(const BenchReport& r) {
  if (r.experts == 0) return "";
  std::string text = fmt::format("experts: {} of {} work for a token; a pass of", r.chosen, r.experts);
  for (const infer::BenchmarkResult& result : r.results)
    text += fmt::format("{} {} reads {:.1f}", &result == r.results.data() ? "" : ",", result.name, result.experts_read);
  text += " on average";
  if (r.experts <= math::numeric::kMaxThings)
    text += fmt::format("; after {:.0f} tokens all were used", math::numeric::ExpectedDrawsForAll(r.experts, r.chosen));
  return text + " (equally likely ones)\n";
}

std::string Below(const BenchReport& r) {
  return Experts(r) + fmt::format(
                          "load {:.2f} s, first token after {:.2f} s, packing {:.2f} s, peak memory {:.0f} MiB\n"
                          "this machine: reads {:.1f} GB/s, computes {:.0f} Gop/s in {}; {}, {} threads, cache {}\n",
                          r.load_seconds, r.first_token_seconds, r.pack_seconds, r.peak_mebibytes,
                          r.bytes_per_second * 1e-9, r.operations_per_second * 1e-9, kernels::Name(r.kind), r.isa,
                          r.threads, r.cache_type);
}

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

LimitShare ShareOfLimit(const infer::BenchmarkResult& result, const BenchReport& report) {
  const double computing =
      report.operations_per_second > 0 ? result.operations_per_token / report.operations_per_second : 0;
  double shares = 0, readings = 0;
  for (size_t i = 0; i < result.tokens_per_second.size(); ++i) {
    const double bandwidth = i < result.bytes_per_second.size() ? result.bytes_per_second[i] : report.bytes_per_second;
    const double reading = bandwidth > 0 ? result.bytes_per_token / bandwidth : 0;
    shares += std::max(reading, computing) * result.tokens_per_second[i];
    readings += reading;
  }
  if (shares <= 0) return {};
  const double runs = static_cast<double>(result.tokens_per_second.size());
  return {shares / runs, readings / runs >= computing ? "bandwidth" : Name(report.kind)};
}

std::string BenchText(const BenchReport& report) {
  size_t width = 4;
  for (const infer::BenchmarkResult& r : report.results) width = std::max(width, r.name.size());
  std::string text =
      fmt::format("{}\n\n{:<{}}  {:>10}            of the machine's limit\n", report.model, "test", width, "tokens/s");
  for (const infer::BenchmarkResult& r : report.results) {
    text +=
        fmt::format("{:<{}}  {:>10.1f} ± {:<7.1f}  {}\n", r.name, width, r.mean(), r.deviation(), ShareText(r, report));
  }
  return text + "\n" + Below(report);
}

std::string BenchMarkdown(const BenchReport& report) {
  std::string text = "| model | test | tokens/s | of the machine's limit |\n| --- | --- | ---: | --- |\n";
  for (const infer::BenchmarkResult& r : report.results) {
    text += fmt::format("| {} | {} | {:.1f} ± {:.1f} | {} |\n", report.model, r.name, r.mean(), r.deviation(),
                        ShareText(r, report));
  }
  return text + "\n" + Below(report);
}

std::string BenchCsv(const BenchReport& report) {
  std::string text =
      "model,test,tokens,tokens_per_second,deviation,share_of_limit,limit,load_seconds,first_token_seconds,"
      "pack_seconds,peak_mebibytes,bytes_per_second,operations_per_second,arithmetic,isa,threads,cache_type\n";
  for (const infer::BenchmarkResult& r : report.results) {
    const LimitShare share = ShareOfLimit(r, report);
    text += fmt::format("{},{},{},{:.3f},{:.3f},{:.4f},{},{:.3f},{:.3f},{:.3f},{:.1f},{:.4g},{:.4g},{},{},{},{}\n",
                        Quoted(report.model), r.name, r.tokens, r.mean(), r.deviation(), share.share, share.limit,
                        report.load_seconds, report.first_token_seconds, report.pack_seconds, report.peak_mebibytes,
                        report.bytes_per_second, report.operations_per_second, kernels::Name(report.kind), report.isa,
                        report.threads, report.cache_type);
  }
  return text;
}

std::string BenchJson(const BenchReport& report) {
  Json tests = Json::array();
  for (const infer::BenchmarkResult& r : report.results) {
    const LimitShare share = ShareOfLimit(r, report);
    tests.push_back({{"test", r.name},
                     {"tokens", r.tokens},
                     {"tokens_per_second", r.mean()},
                     {"deviation", r.deviation()},
                     {"samples", r.tokens_per_second},
                     {"bandwidths", r.bytes_per_second},
                     {"bytes_per_token", r.bytes_per_token},
                     {"operations_per_token", r.operations_per_token},
                     {"experts_read", r.experts_read},
                     {"share_of_limit", share.share},
                     {"limit", share.limit}});
  }
  const Json json = {{"model", report.model},
                     {"isa", report.isa},
                     {"threads", report.threads},
                     {"cache_type", report.cache_type},
                     {"load_seconds", report.load_seconds},
                     {"first_token_seconds", report.first_token_seconds},
                     {"pack_seconds", report.pack_seconds},
                     {"tests", tests},
                     {"peak_mebibytes", report.peak_mebibytes},
                     {"machine",
                      {{"bytes_per_second", report.bytes_per_second},
                       {"operations_per_second", report.operations_per_second},
                       {"arithmetic", kernels::Name(report.kind)}}}};
  return JsonText(json) + "\n";
}

}  // namespace tessera::cli
