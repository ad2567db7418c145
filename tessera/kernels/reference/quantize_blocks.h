#pragma once
// The block nearest to 32 values, for the formats whose scale comes from the extremes alone. The bits are those of the
// GGUF tools. Values are finite; a scale that f16 cannot hold becomes infinite in the block, which callers check.
//
//   Q4_0, Q5_0   d = x* / -2^(bits-1), x* the first value of the greatest magnitude: its code is 0, and no code is lost
//   Q4_1, Q5_1   d = (max - min) / (2^bits - 1), m = min
//   Q8_0         d = max |x| / 127
//
// Codes come from the scale in f32, before it is rounded to f16: q = ⌊x / d + offset + ½⌋; Q8_0 rounds half away from
// zero.

#include <cstdint>

#include "tessera/kernels/quant_blocks.h"

namespace tessera::kernels::reference {

void QuantizeBlock(const float* x, BlockQ4_0& block);
void QuantizeBlock(const float* x, BlockQ4_1& block);
void QuantizeBlock(const float* x, BlockQ5_0& block);
void QuantizeBlock(const float* x, BlockQ5_1& block);
void QuantizeBlock(const float* x, BlockQ8_0& block);
void QuantizeBlock(const float* x, BlockQ8_K& block);  // 256 values: d = max |x| / 127

}  // namespace tessera::kernels::reference
