#pragma once
// How the rows of x are shared out among calls of the inner loops.

#include <cstdint>

namespace tessera::kernels {

// Rows in groups of at most `most`, as nearly equal as can be: a loop over one row or two waits for its own sums.
struct RowGroups {
  int64_t rows = 0;
  int64_t most = 1;

  int64_t count() const { return (rows + most - 1) / most; }
  int64_t begin(int64_t group) const { return rows * group / count(); }
  int size(int64_t group) const { return static_cast<int>(begin(group + 1) - begin(group)); }
};

}  // namespace tessera::kernels
