#pragma once
// What kernels/gather.h promises, written plainly: one thread, one value after the other. Tests compare the fast
// kernels with these in double, and f64 tensors are computed by them.

#include <span>

#include "tessera/core/tensor.h"
#include "tessera/kernels/gather.h"

namespace tessera::kernels::reference {

Tensor GatherRows(const Tensor& x, std::span<const int64_t> rows);
Tensor ScatterAddRows(const Tensor& x, std::span<const int64_t> rows, int64_t count);

}  // namespace tessera::kernels::reference
