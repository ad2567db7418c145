#pragma once
// Hidden layers whose width is no whole number of blocks. Block formats have 32 values a block, so the matrix after
// such a layer lies in files in 16 bits (MoonViT's 4,304 units, 3,420 of Qwen2.5-VL's tower), and its product takes
// four times as long. With a few units more, whose weights and biases are 0 and which therefore are 0 behind any
// activation with f(0) = 0, it is in blocks too. Values of the outputs change by its rounding to q8_0 alone.

#include "tessera/nn/parameters.h"

namespace tessera::nn {

// The width that a hidden layer gets, whose `first` matrix makes its units and is at scope "first": `width`, or the
// next multiple of 32 where the options ask for the fastest products (packed, LinearPrecision::kFast, weights as
// stored) and the checkpoint has that matrix in a block format.
int64_t PaddedHidden(const Scope& first, int64_t width);

// `value` [N] or [N, K] with zeros behind its rows and columns, up to `shape`. Where columns are added, a plain dtype
// becomes q8_0. Throws Error if columns are to be added to a block format.
Tensor PadWithZeros(const Tensor& value, const Shape& shape);

}  // namespace tessera::nn
