#pragma once
// What kernels/row_mixture.h promises, written plainly: one thread, one value after the other.

#include "tessera/kernels/row_mixture.h"

namespace tessera::kernels::reference {

Tensor MixRows(const Tensor& x, const RowMixture& mixture);

}  // namespace tessera::kernels::reference
