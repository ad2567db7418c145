#pragma once
// What kernels/convolution.h promises, written plainly: one thread, one value after the other.

#include "tessera/kernels/convolution.h"

namespace tessera::kernels::reference {

Tensor Convolve(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvolutionWindow& window);
Tensor ConvolutionInputGradient(const Tensor& dy, const Tensor& w, const Shape& x_shape,
                                const ConvolutionWindow& window);
Tensor ConvolutionWeightGradient(const Tensor& dy, const Tensor& x, const Shape& w_shape,
                                 const ConvolutionWindow& window);

}  // namespace tessera::kernels::reference
