#pragma once
// Convolution and group norm as parts of a model; pictures are [B, H, W, C].

#include "tessera/nn/parameters.h"
#include "tessera/ops/convolution.h"
#include "tessera/ops/group_norm.h"

namespace tessera::nn {

struct ConvolutionShape {
  int64_t in = 0, out = 0;
  int64_t kernel = 3;  // rows and columns of the window
  ops::ConvolutionWindow window = {.top = 1, .left = 1, .bottom = 1, .right = 1};
};

// The tensors "weight" [out, in, kernel, kernel] and "bias" [out] of its scope.
class Convolution {
 public:
  Convolution(const Scope& s, const ConvolutionShape& shape)
      : weight_(s.Vector("weight", {shape.out, shape.in, shape.kernel, shape.kernel})),
        bias_(s.Vector("bias", {shape.out})),
        window_(shape.window) {}
  Tensor operator()(const Tensor& x) const { return ops::Convolution(x, *weight_, *bias_, window_); }

 private:
  Parameter weight_, bias_;
  ops::ConvolutionWindow window_;
};

// The tensors "weight" [C] and "bias" [C] of its scope.
class GroupNorm {
 public:
  GroupNorm(const Scope& s, int64_t channels, const ops::GroupNormOptions& options = {})
      : weight_(s.Vector("weight", {channels})), bias_(s.Vector("bias", {channels})), options_(options) {}
  Tensor operator()(const Tensor& x) const { return ops::GroupNorm(x, *weight_, *bias_, options_); }

 private:
  Parameter weight_, bias_;
  ops::GroupNormOptions options_;
};

}  // namespace tessera::nn
