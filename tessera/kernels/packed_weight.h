#pragma once
// Weights in the order that products read fastest, and rows of any weight as f32.

#include <span>

#include "tessera/core/tensor.h"

namespace tessera::kernels {

// See ops/linear.h.
Tensor PackWeight(const Tensor& weight);
Tensor UnpackWeight(const Tensor& packed);

// out = rows begin … end - 1 of a weight [N, K], packed or not, of any float dtype or block format, one after the
// other. The values are those that DequantizeRow gives for the same row. Throws Error if out does not hold (end -
// begin) K.
void ReadWeightRows(const Tensor& weight, int64_t begin, int64_t end, std::span<float> out);
inline void ReadWeightRow(const Tensor& weight, int64_t row, std::span<float> out) {
  ReadWeightRows(weight, row, row + 1, out);
}

}  // namespace tessera::kernels
