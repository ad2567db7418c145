#include "tessera/models/qwen2_vl.h"

#include <vector>

#include "tessera/models/config_reader.h"
#include "tessera/models/qwen_vl.h"
#include "tessera/nn/norm.h"

namespace tessera::models {
namespace {

struct Qwen2VlVisionConfig : QwenVisionConfig {
  int64_t ffn;

  Qwen2VlVisionConfig(const Json& vision_config, int64_t text_hidden)
      : QwenVisionConfig(vision_config, "embed_dim", text_hidden),
        ffn(hidden * ConfigReader(vision_config).Size("mlp_ratio", 4)) {
    const std::string activation = ConfigReader(vision_config).Text("hidden_act", "quick_gelu");
    Require(activation == "quick_gelu",
            "config: the vision tower's \"hidden_act\" is \"{}\", this family uses quick_gelu", activation);
  }
};

struct VisionBlock {  // h = x + Attention(LN(x));  y = h + W_2 quick_gelu(W_1 LN(h))
  nn::LayerNorm norm1;
  VisionAttention attention;
  nn::LayerNorm norm2;
  nn::Linear fc1, fc2;

  VisionBlock(const nn::Scope& s, const Qwen2VlVisionConfig& c)
      : norm1(s / "norm1", c.hidden, static_cast<float>(c.norm_eps)),
        attention(s / "attn", c),
        norm2(s / "norm2", c.hidden, static_cast<float>(c.norm_eps)),
        fc1(s / "mlp" / "fc1", {.in = c.hidden, .out = c.ffn, .bias = true}),
        fc2(s / "mlp" / "fc2", {.in = c.ffn, .out = c.hidden, .bias = true}) {}

  Tensor operator()(const Tensor& x, const nn::RotaryTables& rotary, const ops::AttentionPattern& frames) const {
    const Tensor h = ops::Add(x, attention(norm1(x), rotary, frames));
    return ops::Add(h, fc2(fc1(norm2(h), ops::Activation::kQuickGelu)));
  }
};

class VisionTower {
 public:
  using Config = Qwen2VlVisionConfig;

  VisionTower(const nn::Scope& s, const Json& vision_config, int64_t text_hidden)
      : config_(vision_config, text_hidden),
        patch_embed_(s / "patch_embed" / "proj", config_),
        merger_(s / "merger", config_) {
    for (int64_t i = 0; i < config_.depth; ++i) blocks_.emplace_back(s / "blocks" / i, config_);
  }

  Tensor operator()(const Tensor& patches, std::span<const VisionInput> inputs, const VisionObserver& observer) const {
    const nn::RotaryTables rotary =
        nn::GridRotary(PatchPlaces(inputs, config_.merge), config_.head_dim(), config_.theta).To(patches.device());
    const ops::AttentionPattern frames = nn::OnDevice(FramePattern(inputs), patches.device());
    Tensor x = patch_embed_(patches);
    if (observer) observer("patch_embed", x);
    for (size_t i = 0; i < blocks_.size(); ++i) {
      x = blocks_[i](x, rotary, frames);
      if (observer) observer(fmt::format("block{}", i), x);
    }
    return merger_(x);
  }

 private:
  Qwen2VlVisionConfig config_;
  PatchEmbed patch_embed_;
  std::vector<VisionBlock> blocks_;
  PatchMerger<nn::LayerNorm> merger_;
};

QwenVlConfig ConfigOf(const ModelSource& source) { return {source, image::PointConvention::kThousandths}; }

}  // namespace

std::unique_ptr<LanguageModel> LoadQwen2Vl(const ModelSource& source, const nn::LoadOptions& options) {
  return LoadQwenVl<VisionTower>("qwen2_vl", ConfigOf(source), source, options);
}

std::unique_ptr<VisionProcessor> Qwen2VlPictures(const ModelSource& source) {
  return std::make_unique<QwenVlProcessor>(ConfigOf(source));
}

}  // namespace tessera::models
