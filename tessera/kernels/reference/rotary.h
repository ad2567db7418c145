#pragma once
// What kernels/rotary.h promises, written plainly: one thread, one value after the other. Tests compare the fast
// kernels with these in double, and f64 tensors are computed by them.

#include "tessera/core/tensor.h"
#include "tessera/kernels/rotary.h"

namespace tessera::kernels::reference {

Tensor Rotary(const Tensor& x, const Tensor& cos, const Tensor& sin, const RotaryOptions& options);

}  // namespace tessera::kernels::reference
