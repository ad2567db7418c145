// What starting and joining a parallel loop costs, when loops follow each other at once as the operators of a decoding
// step do; and first how long a line takes from one core's cache to another's and back, which is what such a start is
// made of.

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "tessera/core/thread_pool.h"

namespace {

double Now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Sorted seconds of each of `loops` empty loops of `pieces` pieces, with `gap` seconds of serial work between them.
std::vector<double> LoopSeconds(int64_t pieces, int loops, double gap) {
  std::vector<double> seconds;
  for (int i = 0; i < loops; ++i) {
    const double start = Now();
    tessera::ParallelFor(pieces, [](int64_t) {});
    const double end = Now();
    seconds.push_back(end - start);
    while (Now() < end + gap) {
    }
  }
  std::ranges::sort(seconds);
  return seconds;
}

// Seconds from writing a word until another thread's answer to it is seen, the median of some batches.
double RoundTripSeconds() {
  struct alignas(64) Word {
    std::atomic<int> value{0};
  };
  constexpr int kBatches = 41, kTrips = 500;
  Word there, back;
  std::thread other([&] {
    for (int i = 1; i <= kBatches * kTrips; ++i) {
      while (there.value.load(std::memory_order_acquire) != i) {
      }
      back.value.store(i, std::memory_order_release);
    }
  });
  std::vector<double> seconds;
  for (int batch = 0, i = 0; batch < kBatches; ++batch) {
    const double start = Now();
    for (const int end = i + kTrips; i < end;) {
      there.value.store(++i, std::memory_order_release);
      while (back.value.load(std::memory_order_acquire) != i) {
      }
    }
    seconds.push_back((Now() - start) / kTrips);
  }
  other.join();
  std::ranges::nth_element(seconds, seconds.begin() + kBatches / 2);
  return seconds[kBatches / 2];
}

}  // namespace

int main() {
  fmt::print("a line to another core and back: {:.2f} us\n", RoundTripSeconds() * 1e6);
  for (const int threads : {2, 4}) {
    tessera::SetThreadCount(threads);
    for (const double gap : {0.0, 5e-6, 1e-3}) {
      for (const int64_t pieces : {int64_t{threads}, int64_t{4 * threads}}) {
        const std::vector<double> seconds = LoopSeconds(pieces, gap > 1e-4 ? 500 : 20000, gap);
        fmt::print("{} threads, {:2} pieces, {:6.0f} us between loops: median {:6.2f} us, fastest tenth {:6.2f} us\n",
                   threads, pieces, gap * 1e6, seconds[seconds.size() / 2] * 1e6, seconds[seconds.size() / 10] * 1e6);
      }
    }
  }
}
