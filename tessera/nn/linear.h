#pragma once
// y = x Wᵀ + b as a part of a model: the tensors "weight" [out, in] and, if asked for, "bias" [out] of its scope.

#include "tessera/nn/parameters.h"

namespace tessera::nn {

struct LinearShape {
  int64_t in = 0, out = 0;
  bool bias = false;
};

class Linear {
 public:
  Linear(const Scope& s, const LinearShape& shape)
      : weight_(s.Matrix("weight", {shape.out, shape.in})), precision_(s.options().precision) {
    if (shape.bias) bias_ = s.Vector("bias", {shape.out});
  }
  Tensor operator()(const Tensor& x) const {  // [..., in] -> [..., out]
    return ops::Linear(x, *weight_, ops::LinearOptions{.bias = bias_ ? *bias_ : Tensor(), .precision = precision_});
  }

 private:
  Parameter weight_, bias_;
  ops::LinearPrecision precision_;
};

}  // namespace tessera::nn
