#include <cstdint>

#include "tessera/core/error.h"
#include "tessera/kernels/cuda/operators.h"

namespace tessera::kernels::cuda {

int32_t LikeliestToken(int64_t key) {
  constexpr uint32_t kMinusInfinity = 0x007fffff;  // in order, as operators.cuh puts it
  const auto bits = static_cast<uint64_t>(key);
  Require(bits != ~uint64_t{0}, "sampling: a logit is not a number; the weights or the input are damaged");
  Require(bits >> 32 != kMinusInfinity, "sampling: no token is allowed (all logits are -inf)");
  return static_cast<int32_t>(0xffffffffu - static_cast<uint32_t>(bits));
}

}  // namespace tessera::kernels::cuda
