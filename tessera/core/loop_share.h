#pragma once
// Which part of a parallel loop each thread begins with (core/thread_pool.h).

#include <cstddef>

namespace tessera {

// The first index of share `share` of `shares` of a loop over `count` indices; ShareBegin(count, shares, shares) is
// count. Thread i does share i in order, and then helps with those behind it: which pieces meet one core's caches.
constexpr size_t ShareBegin(size_t count, size_t share, size_t shares) { return count * share / shares; }

}  // namespace tessera
