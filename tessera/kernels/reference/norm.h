#pragma once
// What kernels/norm.h promises, written plainly: one thread, one value after the other. Tests compare the fast kernels
// with these in double, and f64 tensors are computed by them.

#include "tessera/core/tensor.h"
#include "tessera/kernels/norm.h"

namespace tessera::kernels::reference {

RmsNormResult RmsNorm(const Tensor& x, const Tensor& w, float eps);
NormGradients RmsNormVjp(const Tensor& dy, const Tensor& x, const Tensor& w, const Tensor& r);
Tensor RmsNormJvp(const NormTangents& tangents, const Tensor& x, const Tensor& w, const Tensor& r);
LayerNormResult LayerNorm(const Tensor& x, const Tensor& w, const Tensor& b, float eps);
NormGradients LayerNormVjp(const Tensor& dy, const Tensor& x, const Tensor& w, const LayerNormResult& forward);
Tensor LayerNormJvp(const NormTangents& tangents, const Tensor& x, const Tensor& w, const LayerNormResult& forward);

}  // namespace tessera::kernels::reference
