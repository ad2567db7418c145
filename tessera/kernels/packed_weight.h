#pragma once
// Weights in the order that products read fastest (kernels/panel_layout.h draws it), and rows of any weight as f32.
//
//   Tensor packed = PackWeight(weight);                   // about the same bytes; drop `weight`, and its mapping goes
//   Product(x, packed);                                   // the same bits as Product(x, weight), sooner
//   ReadWeightRow(packed, 7, row);                        // what an embedding reads of a tied weight

#include <span>

#include "tessera/core/storage.h"
#include "tessera/core/tensor.h"

namespace tessera::kernels {

// The weight [N, K] in panels, in memory of its own; or `weight` itself if its dtype has no panels (f64,
// Q8_K) or if it is packed already. The layout is the same on every instruction set. With an arena the memory comes
// from there, and if the weight lies in a mapped file, its pages go back to the system (core/mapped_file.h).
Tensor PackWeight(const Tensor& weight, StorageArena* arena = nullptr);
// The weight row by row again, bit for bit; `packed` itself if it is not packed.
Tensor UnpackWeight(const Tensor& packed);

// out = rows begin … end - 1 of a weight [N, K], packed or not, of any float dtype or block format, one after the
// other. The values are those that DequantizeRow gives for the same row. Throws Error if out does not hold (end -
// begin) K.
void ReadWeightRows(const Tensor& weight, int64_t begin, int64_t end, std::span<float> out);
inline void ReadWeightRow(const Tensor& weight, int64_t row, std::span<float> out) {
  ReadWeightRows(weight, row, row + 1, out);
}

// Units begin … end - 1 of one panel of a weight that is not packed, as PackWeight would write them: values of K for
// float dtypes (`begin` even for bf16), which may have any strides; records for block formats (whole super-blocks).
void PackPanel(const Tensor& weight, int64_t panel, int64_t begin, int64_t end, std::byte* out);

}  // namespace tessera::kernels
