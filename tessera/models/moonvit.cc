#include "tessera/models/moonvit.h"

#include "tessera/models/config_reader.h"
#include "tessera/nn/attention.h"
#include "tessera/nn/padded_hidden.h"
#include "tessera/ops/elementwise.h"
#include "tessera/ops/gather.h"
#include "tessera/ops/interpolate.h"
#include "tessera/ops/rotary.h"
#include "tessera/ops/view.h"

namespace tessera::models {
namespace {

constexpr int64_t kMaxDepth = 1024, kMaxTable = 4096;  // layers; rows or columns of positions

// Row and column of each patch, in raster order.
std::vector<nn::GridPlace> RasterPlaces(std::span<const VisionInput> inputs) {
  std::vector<nn::GridPlace> places;
  for (const VisionInput& input : inputs)
    for (int64_t row = 0; row < input.grid.h; ++row)
      for (int64_t column = 0; column < input.grid.w; ++column) places.push_back({row, column});
  return places;
}

// The raster's row of each patch in the order of blocks: blocks of m x m in raster order, the patches of one likewise.
Tensor BlockOrder(std::span<const VisionInput> inputs, int64_t m) {
  std::vector<int64_t> order;
  int64_t first = 0;
  for (const VisionInput& input : inputs) {
    const auto [t, h, w] = input.grid;
    for (int64_t top = 0; top < h; top += m)
      for (int64_t left = 0; left < w; left += m)
        for (int64_t i = 0; i < m * m; ++i) order.push_back(first + (top + i / m) * w + left + i % m);
    first += h * w;
  }
  return Tensor::From<int64_t>(order, {std::ssize(order)});
}

}  // namespace

MoonVitConfig::MoonVitConfig(const Json& vision_config) {
  const ConfigReader reader(vision_config);
  depth = reader.Size("num_hidden_layers", 27);
  hidden = reader.Size("hidden_size", 1152);
  heads = reader.Size("num_attention_heads", 16);
  ffn = reader.Size("intermediate_size", 4304);
  patch = reader.Size("patch_size", 14);
  rows = reader.Size("init_pos_emb_height", 64);
  columns = reader.Size("init_pos_emb_width", 64);
  const std::vector<int64_t> block = reader.Counts("merge_kernel_size", {2, 2});
  Require(block.size() == 2 && block[0] == block[1] && block[0] >= 1 && block[0] <= 64,
          "config: \"merge_kernel_size\" must be two equal numbers from 1 to 64");
  merge = block[0];
  Require(depth <= kMaxDepth, "config: \"num_hidden_layers\" of the vision tower is {}, the limit is {}", depth,
          kMaxDepth);
  Require(hidden % heads == 0 && head_dim() % 4 == 0,
          "config: the vision tower's width {} does not divide into {} heads of a multiple of 4", hidden, heads);
  Require(patch <= 1024, "config: patches of {} pixels are no picture's", patch);
  Require(rows <= kMaxTable && columns <= kMaxTable, "config: a table of {} x {} positions; the limit is {} a side",
          rows, columns, kMaxTable);
}

MoonVit::Block::Block(const nn::Scope& s, const MoonVitConfig& c)
    : norm0(s / "norm0", c.hidden, c.norm_eps),
      wqkv(s / "wqkv", {.in = c.hidden, .out = 3 * c.hidden, .bias = true}),
      wo(s / "wo", {.in = c.hidden, .out = c.hidden, .bias = true}),
      norm1(s / "norm1", c.hidden, c.norm_eps),
      padded(nn::PaddedHidden(s / "mlp" / "fc0", c.ffn)),
      fc0(s / "mlp" / "fc0", {.in = c.hidden, .out = c.ffn, .bias = true, .padded_out = padded}),
      fc1(s / "mlp" / "fc1", {.in = c.ffn, .out = c.hidden, .bias = true, .padded_in = padded}) {}

Tensor MoonVit::Block::operator()(const Tensor& x, const nn::RotaryTables& rotary,
                                  const ops::AttentionPattern& pictures, int64_t heads) const {
  const int64_t P = x.dim(0), C = x.dim(1);
  const Tensor qkv = wqkv(norm0(x));
  const auto part = [&](int64_t i) {
    return ops::Reshape(ops::Slice(qkv, 1, i * C, (i + 1) * C), {P, heads, C / heads});
  };
  const auto turned = [&](const Tensor& each) {
    return ops::Rotary(each, rotary.cos, rotary.sin, ops::RotaryLayout::kPairs);
  };
  const Tensor o = nn::AttendAsProjected(wqkv, turned(part(0)), turned(part(1)), part(2), pictures);
  const Tensor h = ops::Add(x, wo(ops::Reshape(o, {P, C})));
  return ops::Add(h, fc1(fc0(norm1(h), ops::Activation::kGeluTanh)));
}

MoonVit::MoonVit(const nn::Scope& s, const MoonVitConfig& c)
    : config_(c),
      patch_weight_((s / "patch_embed" / "proj").Vector("weight", {c.hidden, 3, c.patch, c.patch})),
      patch_bias_((s / "patch_embed" / "proj").Vector("bias", {c.hidden})),
      positions_((s / "patch_embed" / "pos_emb").Vector("weight", {c.rows, c.columns, c.hidden})),
      final_norm_(s / "encoder" / "final_layernorm", c.hidden, c.norm_eps),
      activations_(s.options().activations) {
  for (int64_t i = 0; i < c.depth; ++i) blocks_.emplace_back(s / "encoder" / "blocks" / i, c);
}

Tensor MoonVit::Positions(std::span<const VisionInput> inputs) const {
  std::vector<Tensor> fitted;
  for (const VisionInput& input : inputs)
    fitted.push_back(ops::InterpolateGrid(*positions_, input.grid.h, input.grid.w));
  return fitted.size() == 1 ? fitted[0] : ops::Concat(fitted, 0);
}

Tensor MoonVit::operator()(const Tensor& patches, std::span<const VisionInput> inputs,
                           const VisionObserver& observer) const {
  const auto show = [&](const std::string& name, const Tensor& output) {
    if (observer) observer(name, output);
  };
  ops::AttentionPattern pictures{.causal = false};
  for (const VisionInput& input : inputs)
    pictures.sequences.push_back({.query_count = input.grid.patches(), .key_count = input.grid.patches()});
  const nn::RotaryTables rotary = nn::InterleavedGridRotary(RasterPlaces(inputs), config_.head_dim(), config_.theta);
  const Tensor positions = Positions(inputs);
  show("pos_emb", positions);
  const Tensor weight = ops::Reshape(*patch_weight_, {config_.hidden, 3 * config_.patch * config_.patch});
  Tensor x = ops::Add(ops::Linear(ops::Cast(patches, activations_), weight, *patch_bias_), positions);
  show("patch_embed", x);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    x = blocks_[i](x, rotary, pictures, config_.heads);
    show(fmt::format("block{}", i), x);
  }
  const int64_t block = config_.merge * config_.merge;
  const Tensor merged = ops::Reshape(ops::GatherRows(final_norm_(x), BlockOrder(inputs, config_.merge)),
                                     {x.dim(0) / block, block, config_.hidden});
  show("merged", merged);
  return merged;
}

}  // namespace tessera::models
