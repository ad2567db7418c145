#pragma once
// Blocks of 256 values, and IQ4_NL: the scales with the least weighted error.
//
// A block is found in three steps. Each part of 16 or 32 values gets its own real scale (scale_search.h). The block's d
// (and dmin) come from the greatest of them, and each part's integer scale (and minimum) is the one with the least
// error among the nearest and its neighbours: rounding each alone to nearest loses more. Then come the codes.
//
// The error is weighted by w = rms of the part + |x|, since a large weight multiplies an activation of any size.
// Weights of x² alone, as some quantisers use, give more error in both measures (docs/quantization.md).
//
// Values are finite; see kernels/quant_rows.h for values too large.

#include "tessera/kernels/quant_blocks.h"

namespace tessera::kernels::reference {

void QuantizeBlock(const float* x, BlockQ2_K& block);
void QuantizeBlock(const float* x, BlockQ3_K& block);
void QuantizeBlock(const float* x, BlockQ4_K& block);
void QuantizeBlock(const float* x, BlockQ5_K& block);
void QuantizeBlock(const float* x, BlockQ6_K& block);
void QuantizeBlock(const float* x, BlockIQ4_NL& block);
void QuantizeBlock(const float* x, BlockIQ4_XS& block);

}  // namespace tessera::kernels::reference
