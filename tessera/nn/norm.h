#pragma once
// Normalisation of each row as a part of a model.

#include "tessera/nn/parameters.h"
#include "tessera/ops/elementwise.h"
#include "tessera/ops/norm.h"

namespace tessera::nn {

// A sum x + d that is still to be added: what a block of a transformer passes on, so that the next norm can add it on
// its way.
struct Sum {
  Tensor x, d = {};  // d undefined: x alone
  Tensor Value() const { return d ? ops::Add(x, d) : x; }
};

// y = x / sqrt(mean(x²) + eps) · weight
class RmsNorm {
 public:
  RmsNorm(const Scope& s, int64_t width, float eps) : weight_(s.Vector("weight", {width})), eps_(eps) {}
  Tensor operator()(const Tensor& x) const { return ops::RmsNorm(x, *weight_, eps_); }  // [..., width]
  // The sum and its norm.
  ops::SumAndNorm operator()(const Sum& sum) const {
    if (!sum.d) return {sum.x, (*this)(sum.x)};
    return ops::AddRmsNorm(sum.x, sum.d, *weight_, eps_);
  }

 private:
  Parameter weight_;
  float eps_;
};

// y = (x - mean(x)) / sqrt(var(x) + eps) · weight + bias; the bias only where the checkpoint has one.
class LayerNorm {
 public:
  LayerNorm(const Scope& s, int64_t width, float eps) : weight_(s.Vector("weight", {width})), eps_(eps) {
    if (s.Has("bias")) bias_ = s.Vector("bias", {width});
  }
  Tensor operator()(const Tensor& x) const {  // [..., width]
    return ops::LayerNorm(x, *weight_, bias_ ? *bias_ : Tensor(), eps_);
  }

 private:
  Parameter weight_, bias_;
  float eps_;
};

}  // namespace tessera::nn
