#include "tessera/kernels/rotary.h"

#include "tessera/kernels/reference/rotary.h"

namespace tessera::kernels {

Tensor Rotary(const Tensor& x, const Tensor& cos, const Tensor& sin, const RotaryOptions& options) {
  return reference::Rotary(x, cos, sin, options);
}

}  // namespace tessera::kernels
