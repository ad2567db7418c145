#pragma once
// Rotary embedding in two dimensions, for the patches of pictures: the first half of a head's pairs turns by the
// patch's row, the second half by its column.
//
//   θ_i = theta^(-4i/D), i = 0 … D/4 - 1;   pair i turns by row · θ_i, pair D/4 + i by column · θ_i

#include <cstdint>
#include <span>

#include "tessera/nn/rotary.h"

namespace tessera::nn {

struct GridPlace {
  int64_t row = 0, column = 0;
};

// cos and sin [P, D/2] for patches at `places`. Throws Error unless 4 divides the head size D.
RotaryTables GridRotary(std::span<const GridPlace> places, int64_t head_dim, double theta);

}  // namespace tessera::nn
