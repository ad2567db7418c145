#pragma once
// Rounding f32 to bf16 up or down by chance, so that it is right on average.
//
//   x between the neighbours lo and hi:   P(hi) = (x - lo)/(hi - lo),   E[result] = x exactly
//
// bf16 drops 16 bits of f32, hence 16 random bits give that chance exactly: they are added below the last place, and
// the carry decides. Rounding to nearest makes the same error each time, so n equal updates are wrong by n errors (and
// updates below half a unit are lost altogether); here the errors are a walk of mean 0, wrong by about sqrt(n).
// Weights kept in bf16 can be trained with it.

#include <cstdint>

#include "tessera/core/tensor.h"

namespace tessera::kernels {

// Which random bits: value i of the tensor takes half i % 2 (the low one first) of word i / 2 of Random(seed, stream),
// so its result depends on nothing else: not on the threads, nor on the instruction set.
struct RoundingNoise {
  uint64_t seed = 0, stream = 0;
};

// x f32, contiguous; the result is bf16. Values of bf16 stay as they are, infinities and zeros with their signs too;
// NaN stays a quiet NaN. Beyond the largest finite bf16, values may become infinite, as in rounding to nearest. Throws
// Error for another dtype.
Tensor RoundStochastically(const Tensor& x, const RoundingNoise& noise);

}  // namespace tessera::kernels
