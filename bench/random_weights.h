#pragma once
// Tensors of random values in any format that a model file may have, made as fast as memory takes them.

#include <cstdint>

#include "tessera/core/tensor.h"

namespace tessera::bench {

// Values of mean 0 and standard deviation `deviation`, independent of each other; plain formats get uniform values.
// Blocks get random codes and part scales and one magnitude of d, so they are well formed and as unpredictable as a
// trained model's, but were never rounded from anything. The same bits for the same seed and stream on any machine and
// number of threads. Throws Error for integers and for formats that no file has.
Tensor RandomWeight(const Shape& shape, DType dtype, float deviation, uint64_t stream);

}  // namespace tessera::bench
