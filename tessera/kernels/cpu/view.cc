#include "tessera/kernels/view.h"

#include "tessera/kernels/reference/view.h"

namespace tessera::kernels {

Tensor Transpose(const Tensor& x, int axis_a, int axis_b) { return reference::Transpose(x, axis_a, axis_b); }
Tensor Slice(const Tensor& x, int axis, int64_t begin, int64_t end) { return reference::Slice(x, axis, begin, end); }
Tensor Unslice(const Tensor& x, int axis, int64_t begin, int64_t length) {
  return reference::Unslice(x, axis, begin, length);
}
Tensor Concat(std::span<const Tensor> parts, int axis) { return reference::Concat(parts, axis); }

}  // namespace tessera::kernels
