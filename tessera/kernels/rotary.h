#pragma once
// Rotary position embedding (Su et al. 2021): pairs of values turn by an angle that grows with the position.

#include "tessera/core/tensor.h"

namespace tessera::kernels {

// Which values make pair i of the R that rotate: i and i + R/2 (halves), or 2i and 2i + 1 (pairs).
enum class RotaryLayout : uint8_t { kHalves, kPairs };

struct RotaryOptions {
  RotaryLayout layout = RotaryLayout::kHalves;
  bool backwards = false;  // by the opposite angle: the inverse, and the VJP
};

// (a, b) -> (a cos - b sin, b cos + a sin) for the R/2 pairs of each head; the values from R to D stay.
//   x [T, H, D] contiguous floating point;  cos, sin [T, R/2] f32
Tensor Rotary(const Tensor& x, const Tensor& cos, const Tensor& sin, const RotaryOptions& options);

}  // namespace tessera::kernels
