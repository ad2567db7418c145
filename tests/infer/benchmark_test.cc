#include "tessera/infer/benchmark.h"

#include <gtest/gtest.h>

#include "infer/tiny_model.h"

namespace tessera::infer {
namespace {

TEST(Benchmark, MeasuresEachTestAsOftenAsAsked) {
  const TinyModel tiny;
  int64_t last_done = 0, last_total = 0;
  const auto results = RunBenchmark(*tiny.model, {.prompt_tokens = 20, .answer_tokens = 5, .repetitions = 2},
                                    [&](int64_t done, int64_t total) {
                                      last_done = done;
                                      last_total = total;
                                    });
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

TEST(Benchmark, ATestOfNoTokensIsLeftOut) {
  const TinyModel tiny;
  const auto results =
      RunBenchmark(*tiny.model, {.prompt_tokens = 0, .answer_tokens = 3, .repetitions = 1}, [](int64_t, int64_t) {});
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
  EXPECT_THROW(RunBenchmark(*tiny.model, {.repetitions = 0}, [](int64_t, int64_t) {}), Error);
  EXPECT_THROW(RunBenchmark(*tiny.model, {.prompt_tokens = -1}, [](int64_t, int64_t) {}), Error);
}

}  // namespace
}  // namespace tessera::infer
