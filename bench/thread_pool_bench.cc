// What starting and joining a parallel loop costs, when loops follow each other at once as the operators of a decoding
// step do.

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
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

}  // namespace

int main() {
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
