#include "tessera/models/qwen_vision.h"

#include "tessera/core/checked.h"
#include "tessera/models/config_reader.h"
#include "tessera/nn/attention.h"

namespace tessera::models {
namespace {

constexpr int64_t kMaxDepth = 1024;

}  // namespace

QwenVisionConfig::QwenVisionConfig(const Json& vision_config, const char* hidden_key, int64_t text_hidden) {
  const ConfigReader reader(vision_config);
  depth = reader.Size("depth", 32);
  hidden = reader.Size(hidden_key, 1280);
  heads = reader.Size("num_heads", 16);
  patch = reader.Size("patch_size", 14);
  merge = reader.Size("spatial_merge_size", 2);
  frames = reader.Size("temporal_patch_size", 2);
  channels = reader.Has("in_channels") ? reader.Size("in_channels") : reader.Size("in_chans", 3);
  out = text_hidden;
  Require(depth <= kMaxDepth, "config: \"depth\" of the vision tower is {}, the limit is {}", depth, kMaxDepth);
  Require(hidden % heads == 0 && head_dim() % 4 == 0,
          "config: the vision tower's width {} does not divide into {} heads of a multiple of 4", hidden, heads);
  Require(channels == 3 && patch <= 1024 && merge <= 64 && frames <= 64,
          "config: patches of {} colours, {} pixels, blocks of {} and {} frames are no picture's", channels, patch,
          merge, frames);
}

std::vector<nn::GridPlace> PatchPlaces(std::span<const VisionInput> inputs, int64_t merge) {
  std::vector<nn::GridPlace> places;
  for (const VisionInput& input : inputs)
    for (int64_t t = 0; t < input.grid.t; ++t)
      for (int64_t row = 0; row < input.grid.h; row += merge)
        for (int64_t column = 0; column < input.grid.w; column += merge)
          for (int64_t i = 0; i < merge * merge; ++i) places.push_back({row + i / merge, column + i % merge});
  return places;
}

ops::AttentionPattern FramePattern(std::span<const VisionInput> inputs) {
  ops::AttentionPattern pattern{.causal = false};
  for (const VisionInput& input : inputs)
    for (int64_t t = 0; t < input.grid.t; ++t)
      pattern.sequences.push_back(
          {.query_count = input.grid.h * input.grid.w, .key_count = input.grid.h * input.grid.w});
  return pattern;
}

PatchEmbed::PatchEmbed(const nn::Scope& s, const QwenVisionConfig& c)
    : weight_(s.Vector("weight", {c.hidden, c.channels, c.frames, c.patch, c.patch})),
      activations_(s.options().activations) {}

Tensor PatchEmbed::operator()(const Tensor& patches) const {
  const Tensor& w = *weight_;
  return ops::Linear(ops::Cast(patches, activations_), ops::Reshape(w, {w.dim(0), w.numel() / w.dim(0)}));
}

VisionAttention::VisionAttention(const nn::Scope& s, const QwenVisionConfig& c)
    : heads_(c.heads),
      head_dim_(c.head_dim()),
      qkv_(s / "qkv", {.in = c.hidden, .out = 3 * c.hidden, .bias = true}),
      proj_(s / "proj", {.in = c.hidden, .out = c.hidden, .bias = true}) {}

Tensor VisionAttention::operator()(const Tensor& x, const nn::RotaryTables& rotary,
                                   const ops::AttentionPattern& pattern) const {
  const int64_t P = x.dim(0), C = heads_ * head_dim_;
  const Tensor qkv = qkv_(x);
  const auto part = [&](int64_t i) {
    return ops::Reshape(ops::Slice(qkv, 1, i * C, (i + 1) * C), {P, heads_, head_dim_});
  };
  const auto turned = [&](const Tensor& heads) {
    return ops::Rotary(heads, rotary.cos, rotary.sin, ops::RotaryLayout::kHalves);
  };
  return proj_(ops::Reshape(nn::AttendAsProjected(qkv_, turned(part(0)), turned(part(1)), part(2), pattern), {P, C}));
}

}  // namespace tessera::models
