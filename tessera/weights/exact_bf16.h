#pragma once
// Weights of f16 that lose nothing in bf16.
//
// Checkpoints are released in bf16, and converters write their matrices in f16, which holds them: all but the smallest
// bf16 values of a matrix are values of f16. Processors that multiply pairs of bf16 have no such product for f16, so
// the way back is worth twice the speed.

#include "tessera/core/tensor.h"

namespace tessera::weights {

// `value` in bf16, in memory of its own, if it is f16 and each of its numbers is one of bf16; else `value` itself.
Tensor ToBf16IfExact(const Tensor& value);

}  // namespace tessera::weights
