#pragma once
// One row of values to and from the dtype that it is stored in.
//
//   std::vector<std::byte> row(BytesFor(DType::kQ4_K, 512));
//   QuantizeRow(DType::kQ4_K, values, row.data());        // 512 floats -> 2 blocks
//   DequantizeRow(DType::kQ4_K, row.data(), values);      // and back, with the format's loss

#include <cstddef>
#include <span>

#include "tessera/core/dtype.h"

namespace tessera::kernels {

// out = the values of `row`: every block format, f32, f16, bf16 and f64 (rounded). `row` holds
// BytesFor(dtype, out.size()) bytes, which need no alignment. Exact where f32 can be: a block's value rounds after each
// operation of its formula in quant_blocks.h, the same on every instruction set.
// Throws Error for another dtype, or if out is not whole blocks.
void DequantizeRow(DType dtype, const std::byte* row, std::span<float> out);

// Whether QuantizeRow knows the dtype: f32, f16, bf16 and the block formats.
bool CanQuantize(DType dtype);

// row = `in`, rounded to the dtype. f16 and bf16 round to nearest, ties to even. Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 take their
// scale from the extremes of each block (reference/quantize_blocks.h); the others search for the scales with the least
// error (reference/quantize_k.h).
//
// Values must be finite, and small enough that the scales fit f16: magnitudes to 65504 always are. Otherwise the row
// holds some scale or value that is not finite, and nothing worse; weights/quantize_blocks.h turns that into an Error.
// Throws Error if CanQuantize is false, or if in is not whole blocks.
void QuantizeRow(DType dtype, std::span<const float> in, std::byte* row);

}  // namespace tessera::kernels
