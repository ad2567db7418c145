#include "tessera/kernels/gather.h"

#include "tessera/kernels/reference/gather.h"

namespace tessera::kernels {

Tensor GatherRows(const Tensor& x, std::span<const int64_t> rows) { return reference::GatherRows(x, rows); }
Tensor ScatterAddRows(const Tensor& x, std::span<const int64_t> rows, int64_t count) {
  return reference::ScatterAddRows(x, rows, count);
}

}  // namespace tessera::kernels
