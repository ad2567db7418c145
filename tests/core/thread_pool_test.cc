#include "tessera/core/thread_pool.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "tessera/core/error.h"

namespace tessera {
namespace {

class ThreadPool : public testing::TestWithParam<int> {
 protected:
  void SetUp() override { SetThreadCount(GetParam()); }
};

TEST_P(ThreadPool, EveryIndexRunsOnce) {
  for (int64_t count : {0, 1, 2, 7, 1000}) {
    std::vector<std::atomic<int>> runs(static_cast<size_t>(count));
    ParallelFor(count, [&](int64_t i) { ++runs[static_cast<size_t>(i)]; });
    for (const auto& n : runs) ASSERT_EQ(n, 1);
  }
}

TEST_P(ThreadPool, BodiesAreCalledWhereTheyLieAndNotCopied) {
  std::atomic<int64_t> sum = 0;
  const auto body = [&sum, step = std::make_unique<int64_t>(3)](int64_t i) { sum += *step * i; };  // has no copy
  ParallelFor(10, body);
  EXPECT_EQ(sum, 135);
  const std::function<void(int64_t, int64_t)> pieces = [&](int64_t begin, int64_t end) { sum += end - begin; };
  ParallelForRange(65, 2, pieces);
  EXPECT_EQ(sum, 200);
}

TEST_P(ThreadPool, ManyShortLoopsInARow) {
  std::atomic<int64_t> sum = 0;
  for (int loop = 0; loop < 20000; ++loop) ParallelFor(3, [&](int64_t i) { sum += i; });
  EXPECT_EQ(sum, 60000);
}

TEST_P(ThreadPool, LoopsFromSeveralThreadsAndNestedLoops) {
  std::atomic<int64_t> sum = 0;
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&] {
      for (int loop = 0; loop < 200; ++loop) {
        ParallelFor(5, [&](int64_t) { ParallelFor(4, [&](int64_t i) { sum += i; }); });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sum, 4 * 200 * 5 * 6);
}

TEST_P(ThreadPool, TheErrorOfTheLowestIndexIsRethrown) {
  try {
    ParallelFor(50, [](int64_t i) {
      if (i >= 7) Fail("index {}", i);
    });
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "index 7");
  }
}

// Each thread has its share of the indices; whoever is done helps the others: nothing waits behind an index that does.
TEST_P(ThreadPool, TheShareOfAThreadThatIsHeldUpIsDoneByOthers) {
  const int64_t count = GetParam() == 1 ? 1 : 8 * GetParam();
  for (const int64_t held : {int64_t{0}, count - 1}) {
    std::atomic<int64_t> others = 0;
    ParallelFor(count, [&](int64_t i) {
      if (i != held) ++others;
      while (i == held && others < count - 1) std::this_thread::yield();
    });
    EXPECT_EQ(others, count - 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Threads, ThreadPool, testing::Values(1, 2, 4, 16));

TEST(ThreadPoolPinning, KeepsEachThreadOnItsCpu) {
  // In a thread of its own, whose affinity goes away with it.
  std::thread([] {
    setenv("TESSERA_PIN", "1", 1);
    SetThreadCount(3);
    std::vector<std::atomic<int>> allowed(200);
    ParallelFor(200, [&](int64_t i) {
      cpu_set_t cpus;
      if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0) allowed[static_cast<size_t>(i)] = CPU_COUNT(&cpus);
    });
    for (const auto& count : allowed) EXPECT_EQ(count, 1);
    unsetenv("TESSERA_PIN");
    SetThreadCount(2);
  }).join();
}

TEST(ThreadPoolRange, PiecesCoverTheRangeWithoutOverlap) {
  std::vector<std::atomic<int>> runs(1001);
  ParallelForRange(1001, 64, [&](int64_t begin, int64_t end) {
    EXPECT_LE(end - begin, 64);
    for (int64_t i = begin; i < end; ++i) ++runs[static_cast<size_t>(i)];
  });
  for (const auto& n : runs) EXPECT_EQ(n, 1);
}

}  // namespace
}  // namespace tessera
