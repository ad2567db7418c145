#pragma once
// The loop of an elementwise operator on two tensors whose shapes broadcast as in numpy: axes are aligned at the last,
// and an axis of length 1 repeats.

#include <array>
#include <string_view>
#include <utility>

#include "tessera/core/shape.h"

namespace tessera::kernels {

// The shape of the result. Throws Error "where: …" if some axis has two different lengths, neither of them 1.
Shape BroadcastShape(std::string_view where, const Shape& a, const Shape& b);

// result[o · inner + i] = f(a[a_begin(o) + i · a_step], b[b_begin(o) + i · b_step]); steps are 0 or 1, not both 0
// unless inner == 1. Axes that both operands walk alike are one axis, so two equal shapes are one inner loop.
class BroadcastLoop {
 public:
  BroadcastLoop(const Shape& a, const Shape& b);

  Shape shape;  // of the result
  int64_t outer = 1, inner = 1;
  int64_t a_step = 0, b_step = 0;
  std::pair<int64_t, int64_t> Begin(int64_t outer_index) const;  // of a and b

 private:
  int axes_ = 0;  // merged axes, the inner one excluded
  std::array<int64_t, kMaxRank> length_{}, a_stride_{}, b_stride_{};
};

}  // namespace tessera::kernels
