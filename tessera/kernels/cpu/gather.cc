#include "tessera/kernels/gather.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/cpu/row_grain.h"
#include "tessera/kernels/float_types.h"
#include "tessera/kernels/reference/gather.h"

namespace tessera::kernels {

Tensor GatherRows(const Tensor& x, std::span<const int64_t> rows) {
  const int64_t count = static_cast<int64_t>(rows.size()), row_bytes = BytesFor(x.dtype(), x.dim(1));
  Tensor y = Tensor::Empty({count, x.dim(1)}, x.dtype());
  std::byte* out = y.mutable_raw();
  ParallelForRange(count, RowGrain(x.dim(1)), [&](int64_t begin, int64_t end) {
    for (int64_t m = begin; m < end; ++m)
      std::memcpy(out + m * row_bytes, x.raw() + rows[m] * row_bytes, static_cast<size_t>(row_bytes));
  });
  return y;
}

// Rows are sorted by where they go, in their own order among equals: each sum is then one thread's.
Tensor ScatterAddRows(const Tensor& x, std::span<const int64_t> rows, int64_t count) {
  if (x.dtype() == DType::kF64) return reference::ScatterAddRows(x, rows, count);
  std::vector<int64_t> order(rows.size()), groups;
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](int64_t m) { return rows[m]; });
  for (size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || rows[order[i]] != rows[order[i - 1]]) groups.push_back(static_cast<int64_t>(i));
  }
  const int64_t n = x.dim(1), group_count = static_cast<int64_t>(groups.size());
  groups.push_back(static_cast<int64_t>(order.size()));
  Tensor y = Tensor::Zeros({count, n}, x.dtype());
  WithFloatType(x.dtype(), "scatter_add_rows", [&]<typename T>(T) {
    const T* in = x.data<T>().data();
    T* out = y.mutable_data<T>().data();
    ParallelForRange(group_count, RowGrain(n), [&](int64_t begin, int64_t end) {
      std::vector<float> sum(static_cast<size_t>(n));
      for (int64_t g = begin; g < end; ++g) {
        std::ranges::fill(sum, 0.0f);
        for (int64_t i = groups[g]; i < groups[g + 1]; ++i) {
          const T* row = in + order[i] * n;
          for (int64_t c = 0; c < n; ++c) sum[c] += static_cast<float>(row[c]);
        }
        T* to = out + rows[order[groups[g]]] * n;
        for (int64_t c = 0; c < n; ++c) to[c] = T(sum[c]);
      }
    });
  });
  return y;
}

}  // namespace tessera::kernels
