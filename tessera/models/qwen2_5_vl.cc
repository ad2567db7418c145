#include "tessera/models/qwen2_5_vl.h"

#include <algorithm>
#include <vector>

#include "tessera/models/config_reader.h"
#include "tessera/models/qwen_vl.h"
#include "tessera/nn/norm.h"
#include "tessera/nn/swiglu.h"
#include "tessera/ops/gather.h"

namespace tessera::models {
namespace {

struct Qwen25VlVisionConfig : QwenVisionConfig {
  int64_t ffn, window;               // F; window: pixels on a side
  std::vector<int64_t> full_blocks;  // the layers that see whole frames

  Qwen25VlVisionConfig(const Json& vision_config, int64_t text_hidden)
      : QwenVisionConfig(vision_config, "hidden_size", text_hidden),
        ffn(ConfigReader(vision_config).Size("intermediate_size", 3420)),
        window(ConfigReader(vision_config).Size("window_size", 112)),
        full_blocks(ConfigReader(vision_config).Counts("fullatt_block_indexes", {7, 15, 23, 31})) {
    const std::string activation = ConfigReader(vision_config).Text("hidden_act", "silu");
    Require(activation == "silu", "config: the vision tower's \"hidden_act\" is \"{}\", this family uses silu",
            activation);
    Require(window >= patch * merge, "config: a \"window_size\" of {} pixels is less than a token's {}", window,
            patch * merge);
  }

  int64_t window_tokens() const { return window / merge / patch; }  // on a side
};

// Tokens in the order of windows: token order[i] of the raster stands i-th, and each window is one sequence of patches.
// Windows at the right and lower edges are smaller; a window never reaches over two frames.
struct WindowOrder {
  std::vector<int64_t> order;
  ops::AttentionPattern windows{.causal = false};

  WindowOrder(std::span<const VisionInput> inputs, const Qwen25VlVisionConfig& c) {
    const int64_t side = c.window_tokens();
    int64_t frame = 0;  // its first token
    for (const VisionInput& input : inputs) {
      const int64_t h = input.grid.h / c.merge, w = input.grid.w / c.merge;
      for (int64_t t = 0; t < input.grid.t; ++t, frame += h * w)
        for (int64_t top = 0; top < h; top += side)
          for (int64_t left = 0; left < w; left += side)
            AddWindow(frame, w, top, std::min(top + side, h), left, std::min(left + side, w), c.merge);
    }
  }

  // The place of each raster token in this order.
  std::vector<int64_t> Inverse() const {
    std::vector<int64_t> inverse(order.size());
    for (size_t i = 0; i < order.size(); ++i) inverse[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
    return inverse;
  }

  // The same for the patches of the tokens.
  std::vector<int64_t> OfPatches(int64_t block) const {
    std::vector<int64_t> patches;
    for (const int64_t token : order)
      for (int64_t i = 0; i < block; ++i) patches.push_back(token * block + i);
    return patches;
  }

 private:
  void AddWindow(int64_t frame, int64_t w, int64_t top, int64_t bottom, int64_t left, int64_t right, int64_t merge) {
    for (int64_t y = top; y < bottom; ++y)
      for (int64_t x = left; x < right; ++x) order.push_back(frame + y * w + x);
    const int64_t patches = (bottom - top) * (right - left) * merge * merge;
    windows.sequences.push_back({.query_count = patches, .key_count = patches});
  }
};

Tensor Reordered(const Tensor& x, const std::vector<int64_t>& rows) {
  return ops::GatherRows(x, Tensor::From<int64_t>(rows, {std::ssize(rows)}));
}

struct VisionBlock {  // h = x + Attention(RMSNorm(x));  y = h + SwiGLU(RMSNorm(h))
  nn::RmsNorm norm1;
  VisionAttention attention;
  nn::RmsNorm norm2;
  nn::SwiGlu mlp;

  VisionBlock(const nn::Scope& s, const Qwen25VlVisionConfig& c)
      : norm1(s / "norm1", c.hidden, static_cast<float>(c.norm_eps)),
        attention(s / "attn", c),
        norm2(s / "norm2", c.hidden, static_cast<float>(c.norm_eps)),
        mlp(s / "mlp", {.in = c.hidden, .hidden = c.ffn, .bias = true}) {}

  Tensor operator()(const Tensor& x, const nn::RotaryTables& rotary, const ops::AttentionPattern& pattern) const {
    const Tensor h = ops::Add(x, attention(norm1(x), rotary, pattern));
    return ops::Add(h, mlp(norm2(h)));
  }
};

class VisionTower {
 public:
  using Config = Qwen25VlVisionConfig;

  VisionTower(const nn::Scope& s, const Json& vision_config, int64_t text_hidden)
      : config_(vision_config, text_hidden),
        patch_embed_(s / "patch_embed" / "proj", config_),
        merger_(s / "merger", config_) {
    for (int64_t i = 0; i < config_.depth; ++i) blocks_.emplace_back(s / "blocks" / i, config_);
  }

  // Between the first and the last layer the rows are in the order of windows, in which each window is a run of rows
  // and each frame still is.
  Tensor operator()(const Tensor& patches, std::span<const VisionInput> inputs, const VisionObserver& observer) const {
    const WindowOrder order(inputs, config_);
    const std::vector<int64_t> rows = order.OfPatches(config_.merge * config_.merge);
    const std::vector<nn::GridPlace> raster = PatchPlaces(inputs, config_.merge);
    std::vector<nn::GridPlace> places;
    for (const int64_t row : rows) places.push_back(raster[static_cast<size_t>(row)]);
    const Device device = patches.device();
    const nn::RotaryTables rotary = nn::GridRotary(places, config_.head_dim(), config_.theta).To(device);
    const ops::AttentionPattern frames = nn::OnDevice(FramePattern(inputs), device);
    const ops::AttentionPattern windows = nn::OnDevice(order.windows, device);
    Tensor x = patch_embed_(patches);
    if (observer) observer("patch_embed", x);
    x = Reordered(x, rows);
    for (size_t i = 0; i < blocks_.size(); ++i) {
      const bool full = std::ranges::find(config_.full_blocks, static_cast<int64_t>(i)) != config_.full_blocks.end();
      x = blocks_[i](x, rotary, full ? frames : windows);
      if (observer) observer(fmt::format("block{}", i), x);
    }
    return Reordered(merger_(x), order.Inverse());
  }

 private:
  Qwen25VlVisionConfig config_;
  PatchEmbed patch_embed_;
  std::vector<VisionBlock> blocks_;
  PatchMerger<nn::RmsNorm> merger_;
};

QwenVlConfig ConfigOf(const ModelSource& source) {
  QwenVlConfig c(source, image::PointConvention::kEncoderPixels);
  c.steps_per_second = static_cast<double>(ConfigReader(c.vision).Size("tokens_per_second", 4));
  return c;
}

}  // namespace

std::unique_ptr<LanguageModel> LoadQwen2_5Vl(const ModelSource& source, const nn::LoadOptions& options) {
  return LoadQwenVl<VisionTower>("qwen2_5_vl", ConfigOf(source), source, options);
}

std::unique_ptr<VisionProcessor> Qwen2_5VlPictures(const ModelSource& source) {
  return std::make_unique<QwenVlProcessor>(ConfigOf(source));
}

}  // namespace tessera::models
