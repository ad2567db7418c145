#pragma once
// Rotary embedding in two dimensions, for the patches of pictures: half of a head's pairs turns by the patch's row, the
// other half by its column, with the frequencies
//
//   θ_i = theta^(-4i/D), i = 0 … D/4 - 1

#include <cstdint>
#include <span>

#include "tessera/nn/rotary.h"

namespace tessera::nn {

struct GridPlace {
  int64_t row = 0, column = 0;
};

// cos and sin [P, D/2] for patches at `places`: pair i turns by row · θ_i, pair D/4 + i by column · θ_i (Qwen2-VL).
// Throws Error unless 4 divides the head size D.
RotaryTables GridRotary(std::span<const GridPlace> places, int64_t head_dim, double theta);

// The same where columns and rows take turns: pair 2i turns by column · θ_i, pair 2i + 1 by row · θ_i (MoonViT).
RotaryTables InterleavedGridRotary(std::span<const GridPlace> places, int64_t head_dim, double theta);

}  // namespace tessera::nn
