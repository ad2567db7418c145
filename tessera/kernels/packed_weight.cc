#include "tessera/kernels/packed_weight.h"

#include "tessera/kernels/quant_rows.h"

namespace tessera::kernels {

Tensor PackWeight(const Tensor& weight) { return weight; }
Tensor UnpackWeight(const Tensor& packed) { return packed; }

void ReadWeightRows(const Tensor& weight, int64_t begin, int64_t end, std::span<float> out) {
  const int64_t inputs = weight.dim(1);
  Require(begin >= 0 && begin <= end && end <= weight.dim(0), "weight rows: {} to {} are not rows of {}", begin, end,
          weight.shape());
  Require(static_cast<int64_t>(out.size()) == (end - begin) * inputs, "weight rows: room for {} values, {} are needed",
          out.size(), (end - begin) * inputs);
  const int64_t row_bytes = BytesFor(weight.dtype(), inputs);
  for (int64_t row = begin; row < end; ++row) {
    DequantizeRow(weight.dtype(), weight.raw() + row * row_bytes,
                  out.subspan(static_cast<size_t>((row - begin) * inputs), static_cast<size_t>(inputs)));
  }
}

}  // namespace tessera::kernels
