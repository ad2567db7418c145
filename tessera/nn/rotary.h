#pragma once
// Rotary position embedding: pair i of a head's values turns by the angle p · θ_i, so that q·k depends on the distance
// of two tokens alone (Su et al. 2021).

#include "tessera/core/tensor.h"
#include "tessera/nn/context.h"
#include "tessera/nn/rope_scaling.h"
#include "tessera/ops/rotary.h"

namespace tessera::nn {

// The angles of a pass, made once and used by every layer.
struct RotaryTables {
  Tensor cos, sin;  // f32 [T, R/2], multiplied by the attention factor

  RotaryTables To(Device device) const { return {cos.To(device), sin.To(device)}; }
};

class Rope {
 public:
  Rope(RopeConfig config, ops::RotaryLayout layout) : config_(std::move(config)), layout_(layout) {}

  // cos(p · θ_i) and sin(p · θ_i) for each row's position p. A rule that looks at the length (dynamic, longrope) sees
  // each sequence's own: its greatest position plus one. With positions [3, T] each pair turns by that of its section.
  // Throws Error for such positions if the config has no sections. Positions on a GPU give tables there, if the rule
  // does not look at lengths.
  RotaryTables Tables(const Context& context) const;

  ops::RotaryLayout layout() const { return layout_; }

  // x [T, H, D]: the first R of each head's D values turned.
  Tensor Turn(const Tensor& x, const RotaryTables& tables) const {
    return ops::Rotary(x, tables.cos, tables.sin, layout_);
  }

 private:
  RopeConfig config_;
  ops::RotaryLayout layout_;
};

}  // namespace tessera::nn
