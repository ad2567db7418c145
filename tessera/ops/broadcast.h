#pragma once
// The two adjoint halves of broadcasting, for the derivatives of operators whose operands broadcast.

#include "tessera/core/tensor.h"

namespace tessera::ops {

// x repeated to `shape`, into which its own shape broadcasts. No lineage.
Tensor BroadcastTo(const Tensor& x, const Shape& shape);
// The adjoint: x summed over the axes along which `shape` repeats to give x's shape. No lineage.
Tensor SumTo(const Tensor& x, const Shape& shape);

}  // namespace tessera::ops
