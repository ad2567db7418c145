#include "tessera/kernels/softmax.h"

#include "tessera/kernels/reference/softmax.h"

namespace tessera::kernels {

Tensor Softmax(const Tensor& x) { return reference::Softmax(x); }
Tensor LogSoftmax(const Tensor& x) { return reference::LogSoftmax(x); }
Tensor SoftmaxDerivative(const Tensor& d, const Tensor& y) { return reference::SoftmaxDerivative(d, y); }
Tensor LogSoftmaxVjp(const Tensor& dy, const Tensor& y) { return reference::LogSoftmaxVjp(dy, y); }
Tensor LogSoftmaxJvp(const Tensor& dx, const Tensor& y) { return reference::LogSoftmaxJvp(dx, y); }

}  // namespace tessera::kernels
