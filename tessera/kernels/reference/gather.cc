#include "tessera/kernels/reference/gather.h"

#include <cstring>
#include <vector>

#include "tessera/kernels/float_types.h"

namespace tessera::kernels::reference {

Tensor GatherRows(const Tensor& x, std::span<const int64_t> rows) {
  Tensor y = Tensor::Empty({static_cast<int64_t>(rows.size()), x.dim(1)}, x.dtype());
  const int64_t row_bytes = BytesFor(x.dtype(), x.dim(1));
  for (size_t m = 0; m < rows.size(); ++m) {
    const std::byte* from = x.raw() + rows[m] * row_bytes;
    std::memcpy(y.mutable_raw() + static_cast<int64_t>(m) * row_bytes, from, static_cast<size_t>(row_bytes));
  }
  return y;
}

Tensor ScatterAddRows(const Tensor& x, std::span<const int64_t> rows, int64_t count) {
  const int64_t n = x.dim(1);
  Tensor y = Tensor::Empty({count, n}, x.dtype());
  WithFloatType(x.dtype(), "scatter_add_rows", [&]<typename T>(T) {
    using C = ComputeType<T>;
    const auto in = x.data<T>();
    const auto out = y.mutable_data<T>();
    std::vector<C> sums(static_cast<size_t>(count * n));
    for (size_t m = 0; m < rows.size(); ++m) {
      for (int64_t i = 0; i < n; ++i) sums[rows[m] * n + i] += C(in[static_cast<int64_t>(m) * n + i]);
    }
    for (size_t i = 0; i < sums.size(); ++i) out[i] = T(sums[i]);
  });
  return y;
}

}  // namespace tessera::kernels::reference
