#pragma once
// The gated feed-forward layer: y = W_down (silu(W_gate x) ∘ W_up x)      (Shazeer 2020, SwiGLU)

#include "tessera/nn/linear.h"
#include "tessera/nn/padded_hidden.h"
#include "tessera/ops/feed_forward.h"

namespace tessera::nn {

struct SwiGluShape {
  int64_t in = 0, hidden = 0;
  bool bias = false;
};

class SwiGlu {
 public:
  SwiGlu(const Scope& s, const SwiGluShape& shape) : SwiGlu(s, shape, PaddedHidden(s / "gate_proj", shape.hidden)) {}

  Tensor operator()(const Tensor& x) const {  // [T, C] -> [T, C]
    if (gate_.has_bias()) return down_(Linear::Gated(x, gate_, up_));
    return ops::FeedForward(x, weights(), precision());
  }

  // Of a layer without biases.
  ops::FeedForwardWeights weights() const { return {gate_.weight(), up_.weight(), down_.weight()}; }
  ops::LinearPrecision precision() const { return gate_.precision(); }

 private:
  SwiGlu(const Scope& s, const SwiGluShape& shape, int64_t padded)
      : gate_(s / "gate_proj", {.in = shape.in, .out = shape.hidden, .bias = shape.bias, .padded_out = padded}),
        up_(s / "up_proj", {.in = shape.in, .out = shape.hidden, .bias = shape.bias, .padded_out = padded}),
        down_(s / "down_proj", {.in = shape.hidden, .out = shape.in, .bias = shape.bias, .padded_in = padded}) {}

  Linear gate_, up_, down_;
};

}  // namespace tessera::nn
