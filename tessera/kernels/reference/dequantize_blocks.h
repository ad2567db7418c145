#pragma once
// The values of one block, as the formulas in quant_blocks.h say. Plain and obviously right; a product and a
// subtraction round once each, in the order of the formula, with the scales' product d·s rounded first.

#include <cstdint>

#include "tessera/kernels/quant_blocks.h"

namespace tessera::kernels::reference {

void DequantizeBlock(const BlockQ4_0& block, float* x);
void DequantizeBlock(const BlockQ4_1& block, float* x);
void DequantizeBlock(const BlockQ5_0& block, float* x);
void DequantizeBlock(const BlockQ5_1& block, float* x);
void DequantizeBlock(const BlockQ8_0& block, float* x);
void DequantizeBlock(const BlockQ2_K& block, float* x);
void DequantizeBlock(const BlockQ3_K& block, float* x);
void DequantizeBlock(const BlockQ4_K& block, float* x);
void DequantizeBlock(const BlockQ5_K& block, float* x);
void DequantizeBlock(const BlockQ6_K& block, float* x);
void DequantizeBlock(const BlockQ8_K& block, float* x);
void DequantizeBlock(const BlockIQ4_NL& block, float* x);
void DequantizeBlock(const BlockIQ4_XS& block, float* x);

}  // namespace tessera::kernels::reference
