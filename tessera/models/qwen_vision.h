#pragma once
// What the vision towers of Qwen2-VL and Qwen2.5-VL share: patches in blocks of 2 x 2, attention over ragged frames
// with rotary positions of rows and columns, and the merger that makes one token of a block.

#include <span>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/image/smart_resize.h"
#include "tessera/models/vision.h"
#include "tessera/nn/grid_rotary.h"
#include "tessera/nn/linear.h"
#include "tessera/ops/attention.h"
#include "tessera/ops/elementwise.h"
#include "tessera/ops/view.h"

namespace tessera::models {

struct QwenVisionConfig {
  int64_t depth = 0, hidden = 0, heads = 0;  // layers, C, H
  int64_t patch = 0, merge = 0, frames = 0;  // pixels of a patch, patches of a block, frames of a patch
  int64_t channels = 0, out = 0;             // colours; width of a token in the language model
  double theta = 10000;
  double norm_eps = 1e-6;

  int64_t head_dim() const { return hidden / heads; }
  int64_t patch_width() const { return channels * frames * patch * patch; }

  // Keys of "vision_config": depth, num_heads, patch_size, spatial_merge_size, temporal_patch_size, in_channels (or
  // in_chans). Published files leave out what the released models have, so absent keys take those values.
  // `hidden_key` is what the family calls C. Throws Error that names the key.
  QwenVisionConfig(const Json& vision_config, const char* hidden_key, int64_t text_hidden);
};

// Row and column of each patch in the order that patches come in: blocks, then the patches of a block, for each frame.
std::vector<nn::GridPlace> PatchPlaces(std::span<const VisionInput> inputs, int64_t merge);
// Each frame is a sequence of its own; every patch sees all of its frame.
ops::AttentionPattern FramePattern(std::span<const VisionInput> inputs);

// x W_patchᵀ: the convolution of the original, whose stride is its size.
class PatchEmbed {
 public:
  PatchEmbed(const nn::Scope& s, const QwenVisionConfig& c);
  Tensor operator()(const Tensor& patches) const;  // [P, K] -> [P, C]

 private:
  nn::Parameter weight_;  // [C, channels, frames, p, p]
  DType activations_;
};

// y = W_proj · softmax(rope(q) rope(k)ᵀ / √D) v + b, [q | k | v] = W_qkv x + b
class VisionAttention {
 public:
  VisionAttention(const nn::Scope& s, const QwenVisionConfig& c);
  Tensor operator()(const Tensor& x, const nn::RotaryTables& rotary, const ops::AttentionPattern& pattern) const;

 private:
  int64_t heads_, head_dim_;
  nn::Linear qkv_, proj_;
};

// y = W_2 gelu(W_0 [x̂_1 … x̂_4] + b_0) + b_2, x̂ = Norm(x): four patches of a block become one token.
template <typename Norm>
class PatchMerger {
 public:
  PatchMerger(const nn::Scope& s, const QwenVisionConfig& c)
      : block_width_(c.hidden * c.merge * c.merge),
        norm_(s / "ln_q", c.hidden, static_cast<float>(c.norm_eps)),
        first_(s / "mlp" / 0, {.in = block_width_, .out = block_width_, .bias = true}),
        second_(s / "mlp" / 2, {.in = block_width_, .out = c.out, .bias = true}) {}

  Tensor operator()(const Tensor& x) const {  // [P, C] -> [P / m², out]
    const Tensor blocks = ops::Reshape(norm_(x), {x.numel() / block_width_, block_width_});
    return second_(first_(blocks, ops::Activation::kGelu));
  }

 private:
  int64_t block_width_;
  Norm norm_;
  nn::Linear first_, second_;
};

}  // namespace tessera::models
