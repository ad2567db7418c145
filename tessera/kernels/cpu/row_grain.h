#pragma once
// How many rows a thread takes at a time.

#include <algorithm>
#include <cstdint>

namespace tessera::kernels {

// Some microseconds of work: one token's row never wakes another thread.
inline int64_t RowGrain(int64_t row_length) {
  constexpr int64_t kValues = 8192;
  return std::max<int64_t>(1, kValues / std::max<int64_t>(1, row_length));
}

}  // namespace tessera::kernels
