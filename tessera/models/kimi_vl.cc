#include "tessera/models/kimi_vl.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "tessera/image/pad.h"
#include "tessera/image/resize.h"
#include "tessera/models/config_reader.h"
#include "tessera/models/deepseek.h"
#include "tessera/models/moonvit.h"
#include "tessera/ops/elementwise.h"
#include "tessera/ops/view.h"

namespace tessera::models {
namespace {

constexpr int64_t kMediaPad = 163605;  // of the released vocabulary
constexpr int64_t kMostPatches = 511;  // on a side; the published code refuses more

struct KimiVlConfig {
  Json text;
  MoonVitConfig vision;
  int64_t media_id;
  int64_t token_limit;          // patches of a picture; greater ones are made smaller
  bool pad;                     // to whole blocks; else the picture is cropped to them
  image::PatchOptions patches;  // each by itself, in raster order

  explicit KimiVlConfig(const ModelSource& source) : vision(VisionOf(source)) {
    const ConfigReader reader(source.config);
    Require(reader.Has("text_config") && source.config["text_config"].is_object(),
            "config: \"text_config\" is missing; Kimi-VL's language model is described there");
    text = source.config["text_config"];
    if (reader.Has("tie_word_embeddings")) text["tie_word_embeddings"] = source.config["tie_word_embeddings"];
    media_id = reader.Count("media_placeholder_token_id", kMediaPad);
    const ConfigReader processor(source.preprocessor_config);
    token_limit = processor.Size("in_token_limit", 4096);
    pad = processor.Flag("pad_input", true);
    patches = {.patch = vision.patch, .merge = 1, .frames = 1};
    // The published files say 1/2; the code beside them would fall back to other numbers.
    std::ranges::copy(processor.Numbers("image_mean", {0.5, 0.5, 0.5}), patches.mean.begin());
    std::ranges::copy(processor.Numbers("image_std", {0.5, 0.5, 0.5}), patches.std.begin());
    for (const double deviation : patches.std)
      Require(deviation > 0, "preprocessor_config: an \"image_std\" of {}", deviation);
  }

  static MoonVitConfig VisionOf(const ModelSource& source) {
    const auto vision = source.config.find("vision_config");
    Require(vision != source.config.end() && vision->is_object(),
            "config: \"vision_config\" is missing; is this the config of a model of text alone?");
    return MoonVitConfig(*vision);
  }
};

class KimiVlProcessor : public virtual VisionProcessor {
 public:
  explicit KimiVlProcessor(const KimiVlConfig& c) : config_(c) {}

  // s = √(limit / patches) for pictures of more patches than the limit; then black at the right and below up to whole
  // blocks or, without padding, the middle.
  Tensor Shown(const Tensor& picture) const override {
    Tensor shown = image::WithoutAlpha(picture);
    const auto [h, w] = image::SizeOf(picture, "vision");
    const int64_t p = config_.vision.patch, block = p * config_.vision.merge, patches = (w / p) * (h / p);
    if (patches > config_.token_limit) {
      const double s = std::sqrt(static_cast<double>(config_.token_limit) / static_cast<double>(patches));
      const auto scaled = [s](int64_t side) { return static_cast<int64_t>(static_cast<double>(side) * s); };
      Require(scaled(h) > 0 && scaled(w) > 0, "vision: nothing is left of {} x {} pixels in {} patches", w, h,
              config_.token_limit);
      shown = image::Resize(shown, {scaled(h), scaled(w)}, image::ResizeFilter::kBicubic);
    }
    const auto [height, width] = image::SizeOf(shown, "vision");
    const auto up = [block](int64_t side) { return (side + block - 1) / block * block; };
    if (config_.pad) return image::PadBlack(shown, {up(height), up(width)});
    Require(height >= block && width >= block, "vision: {} x {} pixels hold no block of {}", width, height, block);
    return image::CropMiddle(shown, {height / block * block, width / block * block});
  }

  VisionInput Prepare(const Tensor& picture) const override {
    const std::array frames = {Shown(picture)};
    const image::ImageSize encoded = image::SizeOf(frames[0], "vision");
    const image::PatchGrid grid = image::GridOf(encoded, 1, config_.patches);
    Tokens(grid);  // refuses sides that are too long
    return {.patches = image::MergedPatches(frames, config_.patches),
            .grid = grid,
            .seen = {.original = image::SizeOf(picture, "vision"), .encoded = encoded}};
  }

  int64_t patch_width() const override { return 3 * config_.vision.patch * config_.vision.patch; }

  int64_t Tokens(const image::PatchGrid& grid) const override {
    const int64_t merge = config_.vision.merge;
    Require(grid.t == 1 && grid.h > 0 && grid.w > 0 && grid.h % merge == 0 && grid.w % merge == 0,
            "vision: a grid of {} x {} x {} patches; it must be 1 picture whose height and width are multiples of {}",
            grid.t, grid.h, grid.w, merge);
    Require(grid.h <= kMostPatches && grid.w <= kMostPatches,
            "vision: a grid of {} x {} patches; at most {} fit on a side", grid.h, grid.w, kMostPatches);
    return grid.patches() / (merge * merge);
  }

  int64_t Placeholder(VisionKind kind) const override { return kind == VisionKind::kImage ? config_.media_id : -1; }
  Tensor Positions(int64_t, std::span<const VisionPlace>, std::span<const VisionInput>) const override { return {}; }
  image::PointConvention points() const override { return image::PointConvention::kFractions; }

 private:
  KimiVlConfig config_;
};

struct Projector {  // y = W_2 gelu(W_1 [x̂_1 … x̂_4] + b_1) + b_2, x̂ = LN(x) of each patch
  nn::LayerNorm pre_norm;
  nn::Linear linear_1, linear_2;

  Projector(const nn::Scope& s, const MoonVitConfig& c, int64_t text_hidden)
      : pre_norm(s / "pre_norm", c.hidden, c.norm_eps),
        linear_1(s / "linear_1", {.in = Width(c), .out = Width(c), .bias = true}),
        linear_2(s / "linear_2", {.in = Width(c), .out = text_hidden, .bias = true}) {}

  static int64_t Width(const MoonVitConfig& c) { return c.hidden * c.merge * c.merge; }

  Tensor operator()(const Tensor& blocks) const {  // [N, m², C'] -> [N, C]
    const Tensor x = ops::Reshape(pre_norm(blocks), {blocks.dim(0), blocks.dim(1) * blocks.dim(2)});
    return linear_2(linear_1(x, ops::Activation::kGelu));
  }
};

class KimiVl : public LanguageModel, public KimiVlProcessor, public VisionEncoder {
 public:
  KimiVl(const KimiVlConfig& c, std::unique_ptr<LanguageModel> text)
      : KimiVlProcessor(c),
        text_(std::move(text)),
        summary_(text_->summary()),
        tower_(nn::Scope(text_->parameters(), "vision_tower"), c.vision),
        projector_(nn::Scope(text_->parameters(), "multi_modal_projector"), c.vision, summary_.hidden) {
    summary_.family = "kimi_vl";
    Require(c.media_id < summary_.vocab, "config: \"media_placeholder_token_id\" is {}, outside the vocabulary of {}",
            c.media_id, summary_.vocab);
  }

  const ModelSummary& summary() const override { return summary_; }
  Tensor Embed(const Tensor& ids) const override { return text_->Embed(ids); }
  Tensor Hidden(const Tensor& x, const nn::Context& context, const LayerObserver& observer) const override {
    return text_->Hidden(x, context, observer);
  }
  Tensor Logits(const Tensor& hidden) const override { return text_->Logits(hidden); }
  nn::Parameters& parameters() override { return text_->parameters(); }
  const VisionEncoder* vision() const override { return this; }

  Tensor Encode(std::span<const VisionInput> inputs, const VisionObserver& observer) const override {
    Require(!inputs.empty(), "vision: there is nothing to encode");
    std::vector<Tensor> patches;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const VisionInput& input = inputs[i];
      Tokens(input.grid);
      Require(input.patches.defined() && input.patches.dtype() == DType::kF32 &&
                  input.patches.shape() == Shape{input.grid.patches(), patch_width()},
              "vision: the patches of input {} must be f32 [{}, {}], as its grid of {} x {} says", i,
              input.grid.patches(), patch_width(), input.grid.h, input.grid.w);
      patches.push_back(input.patches);
    }
    return projector_(tower_(patches.size() == 1 ? patches[0] : ops::Concat(patches, 0), inputs, observer));
  }

 private:
  std::unique_ptr<LanguageModel> text_;
  ModelSummary summary_;
  MoonVit tower_;
  Projector projector_;
};

}  // namespace

std::unique_ptr<LanguageModel> LoadKimiVl(const ModelSource& source, const nn::LoadOptions& options) {
  const KimiVlConfig c(source);
  const ModelSource text{
      .config = c.text, .generation_config = source.generation_config, .find = source.find, .prefix = "language_model"};
  return std::make_unique<KimiVl>(c, LoadDeepseek(text, options));
}

std::unique_ptr<VisionProcessor> KimiVlPictures(const ModelSource& source) {
  return std::make_unique<KimiVlProcessor>(KimiVlConfig(source));
}

}  // namespace tessera::models
