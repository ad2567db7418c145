#pragma once
// Weights in a block format that keep a layer's results near on the inputs it really gets, not the weights themselves.

#include <functional>
#include <vector>

#include "tessera/core/tensor.h"

namespace tessera::weights {

// What a linear layer was fed: Σ x x' over the tokens of a text, weighted as models/calibration.h says.
struct InputGram {
  int64_t size = 0;            // of x
  std::vector<double> values;  // [size, size]
};

// w [N, K] in `dtype` such that Σ ‖(w - q) x‖² is small: block by block along each row, the format's scales are chosen
// for the block as it stands; then in Q4_0, Q4_1 and Q4_K each value is rounded, and its error passed on to the values
// after it, in the other block formats the errors of the whole block.
// Throws Error, naming `name`, as Quantize does, if `gram` is of another size, or if LAPACK is missing.
Tensor QuantizeCalibrated(const Tensor& w, DType dtype, const InputGram& gram, const std::string& name);

}  // namespace tessera::weights
