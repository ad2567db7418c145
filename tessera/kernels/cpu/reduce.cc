#include "tessera/kernels/reduce.h"

#include "tessera/kernels/reference/reduce.h"

namespace tessera::kernels {

Tensor SumAxis(const Tensor& x, int axis, double scale) { return reference::SumAxis(x, axis, scale); }
Tensor ExpandAxis(const Tensor& x, int axis, int64_t length, double scale) {
  return reference::ExpandAxis(x, axis, length, scale);
}
std::pair<Tensor, Tensor> MaxAxis(const Tensor& x, int axis) { return reference::MaxAxis(x, axis); }
Tensor TakeAxis(const Tensor& x, int axis, const Tensor& index) { return reference::TakeAxis(x, axis, index); }
Tensor PutAxis(const Tensor& x, int axis, int64_t length, const Tensor& index) {
  return reference::PutAxis(x, axis, length, index);
}

}  // namespace tessera::kernels
