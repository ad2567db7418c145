#include "tessera/cli/bench_report.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tessera/core/json.h"

namespace tessera::cli {
namespace {

// Answers at 80 % of the bandwidth, prompts at a quarter of the int8 peak.
BenchReport Report() {
  BenchReport report{.model = "a \"b\".gguf",
                     .isa = "avx2",
                     .cache_type = "f16",
                     .threads = 2,
                     .load_seconds = 0.5,
                     .first_token_seconds = 0.75,
                     .pack_seconds = 0.25,
                     .peak_mebibytes = 100,
                     .bytes_per_second = 1e9,
                     .operations_per_second = 4e9,
                     .kind = kernels::PeakKind::kInt8};
  report.results = {
      {.name = "pp512",
       .tokens = 512,
       .tokens_per_second = {99, 101},
       .bytes_per_token = 1000,
       .operations_per_token = 1e7},
      {.name = "tg8", .tokens = 8, .tokens_per_second = {8, 8}, .bytes_per_token = 1e8, .operations_per_token = 1e7}};
  return report;
}

TEST(BenchReport, NamesTheLimitThatBindsAndTheShareOfIt) {
  const BenchReport report = Report();
  EXPECT_EQ(ShareOfLimit(report.results[0], report).limit, "int8");
  EXPECT_DOUBLE_EQ(ShareOfLimit(report.results[0], report).share, 0.25);
  EXPECT_EQ(ShareOfLimit(report.results[1], report).limit, "bandwidth");
  EXPECT_DOUBLE_EQ(ShareOfLimit(report.results[1], report).share, 0.8);
}

TEST(BenchReport, HoldsEachRunAgainstTheMemoryAroundIt) {
  BenchReport report = Report();
  report.results[1].tokens_per_second = {8, 4};
  report.results[1].bytes_per_second = {1e9, 0.5e9};
  EXPECT_DOUBLE_EQ(ShareOfLimit(report.results[1], report).share, 0.8);
}

TEST(BenchReport, AsJsonHoldsEverySample) {
  const Json json = ParseJson(BenchJson(Report()), "report");
  EXPECT_EQ(json["tests"][0]["samples"], (Json{99.0, 101.0}));
  EXPECT_EQ(json["machine"]["arithmetic"], "int8");
  EXPECT_EQ(json["model"], "a \"b\".gguf");
  EXPECT_EQ(json["pack_seconds"], 0.25);
}

TEST(BenchReport, AsCsvHasAsManyFieldsInEachLineAsInTheFirst) {
  const std::string csv = BenchCsv(Report());
  std::vector<int64_t> commas;
  for (size_t begin = 0, end; (end = csv.find('\n', begin)) != std::string::npos; begin = end + 1)
    commas.push_back(
        std::count(csv.begin() + static_cast<int64_t>(begin), csv.begin() + static_cast<int64_t>(end), ','));
  ASSERT_EQ(commas.size(), 3u);
  EXPECT_EQ(commas[0], commas[1]);
  EXPECT_EQ(commas[0], commas[2]);
  EXPECT_NE(csv.find("\"a \"\"b\"\".gguf\""), std::string::npos);
}

TEST(BenchReport, AsTextAndMarkdownSaysRateDeviationAndShare) {
  EXPECT_NE(BenchText(Report()).find("100.0 ± 1.4      25 % of int8"), std::string::npos) << BenchText(Report());
  EXPECT_NE(BenchMarkdown(Report()).find("| pp512 | 100.0 ± 1.4 | 25 % of int8 |"), std::string::npos);
}

TEST(BenchReport, OfExpertsSaysHowManyAPassReads) {
  BenchReport report = Report();
  EXPECT_EQ(BenchText(report).find("experts"), std::string::npos);
  report.experts = 64;
  report.chosen = 6;
  report.results[0].experts_read = 64;
  report.results[1].experts_read = 6;
  EXPECT_NE(BenchText(report).find("experts: 6 of 64 work for a token; a pass of pp512 reads 64.0, tg8 reads 6.0 on "
                                   "average; after 49 tokens all were used (equally likely ones)\n"),
            std::string::npos)
      << BenchText(report);
  EXPECT_EQ(ParseJson(BenchJson(report), "report")["tests"][1]["experts_read"], 6.0);
}

}  // namespace
}  // namespace tessera::cli
