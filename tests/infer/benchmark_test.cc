#include "tessera/infer/benchmark.h"

#include <gtest/gtest.h>

#include "infer/tiny_model.h"

namespace tessera::infer {
namespace {

TEST(Benchmark, MeasuresEachTestAsOftenAsAsked) {
  const TinyModel tiny;
  int64_t last_done = 0, last_total = 0;
  const auto results = RunBenchmark(*tiny.model, {.prompt_tokens = 20, .answer_tokens = 5, .repetitions = 2}, {},
                                    {.progress = [&](int64_t done, int64_t total) {
                                      last_done = done;
                                      last_total = total;
                                    }});
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].name, "pp20");
  EXPECT_EQ(results[1].name, "tg5");
  for (const BenchmarkResult& result : results) {
    EXPECT_EQ(result.tokens_per_second.size(), 2u);
    EXPECT_GT(result.mean(), 0);
  }
  EXPECT_EQ(last_done, last_total);
  EXPECT_EQ(last_total, 6);
}

// A machine whose memory slows down: each run is held against what was read before and after it.
TEST(Benchmark, AsksTheMemoryBeforeAndAfterEachRun) {
  const TinyModel tiny;
  double now = 70;
  const auto results = RunBenchmark(*tiny.model, {.prompt_tokens = 20, .answer_tokens = 5, .repetitions = 2}, {},
                                    {.bandwidth = [&] { return now -= 10; }});
  EXPECT_EQ(results[0].bytes_per_second, (std::vector<double>{55, 45}));
  EXPECT_EQ(results[1].bytes_per_second, (std::vector<double>{35, 25}));
}

TEST(Benchmark, ATestOfNoTokensIsLeftOut) {
  const TinyModel tiny;
  const auto results = RunBenchmark(*tiny.model, {.prompt_tokens = 0, .answer_tokens = 3, .repetitions = 1}, {});
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].name, "tg3");
}

TEST(Benchmark, DeviationIsThatOfTheSample) {
  const BenchmarkResult result{.name = "x", .tokens = 1, .tokens_per_second = {1, 3}};
  EXPECT_DOUBLE_EQ(result.mean(), 2);
  EXPECT_DOUBLE_EQ(result.deviation(), std::sqrt(2.0));
}

TEST(Benchmark, ImpossibleOptionsAreErrors) {
  const TinyModel tiny;
  EXPECT_THROW(RunBenchmark(*tiny.model, {.repetitions = 0}, {}), Error);
  EXPECT_THROW(RunBenchmark(*tiny.model, {.prompt_tokens = 0, .answer_tokens = 0}, {}), Error);
  EXPECT_THROW(RunBenchmark(*tiny.model, {.depth = int64_t{1} << 40}, {}), Error);
  EXPECT_THROW(RunBenchmark(*tiny.model, {.prompt_tokens = -1}, {}), Error);
}

TEST(Benchmark, NamesDepthAndSequencesAndMeasuresThem) {
  const TinyModel tiny;
  const auto results = RunBenchmark(
      *tiny.model, {.prompt_tokens = 20, .answer_tokens = 5, .repetitions = 1, .depth = 100, .sequences = 3}, {});
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].name, "pp20 @ d100 x 3");
  EXPECT_EQ(results[1].name, "tg5 @ d100 x 3");
  EXPECT_EQ(results[1].tokens, 15);
  for (const BenchmarkResult& result : results) EXPECT_GT(result.mean(), 0);
}

TEST(Benchmark, ATokenOfSeveralSequencesSharesTheReadingOfTheWeights) {
  const TinyModel tiny;
  const ModelCost cost{
      .weight_bytes = 600, .row_operations = 1000, .logits_bytes = 200, .logits_operations = 50, .cache_bytes = 7};
  const auto results = RunBenchmark(
      *tiny.model, {.prompt_tokens = 20, .answer_tokens = 8, .repetitions = 1, .sequences = 2, .chunk_tokens = 30},
      cost);
  EXPECT_DOUBLE_EQ(results[0].bytes_per_token, 2 * 800 / 40.0);             // 40 rows in passes of 30
  EXPECT_DOUBLE_EQ(results[0].operations_per_token, 1000 + 2 * 50 / 40.0);  // logits of the last rows only
  EXPECT_DOUBLE_EQ(results[1].bytes_per_token, 800 / 2.0 + 5 * 7);          // 1 to 9 positions
  EXPECT_DOUBLE_EQ(results[1].operations_per_token, 1050);
}

// Two of four experts a row: 30 rows read all of them, two answers at once three.
TEST(Benchmark, ATokenReadsTheExpertsThatItsPassNeeds) {
  const TinyModel tiny;
  const ModelCost cost{.weight_bytes = 600, .expert_bytes = 400, .experts = 4, .chosen = 2};
  const auto results = RunBenchmark(
      *tiny.model, {.prompt_tokens = 20, .answer_tokens = 8, .repetitions = 1, .sequences = 2, .chunk_tokens = 30},
      cost);
  EXPECT_NEAR(results[0].bytes_per_token, (2 * 600 + 400 + 400 * (1 - std::pow(0.5, 10))) / 40, 1e-6);
  EXPECT_NEAR(results[0].experts_read, 4, 1e-6);
  EXPECT_DOUBLE_EQ(results[1].bytes_per_token, (600 + 300) / 2.0);
  EXPECT_DOUBLE_EQ(results[1].experts_read, 3);
}

}  // namespace
}  // namespace tessera::infer
