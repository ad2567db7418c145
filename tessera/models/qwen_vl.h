#pragma once
// The frame of Qwen2-VL and Qwen2.5-VL around a vision tower (Wang et al. 2024; Bai et al. 2025): how a picture is
// prepared, how many tokens it becomes, and where these stand in time, height and width.

#include <memory>
#include <utility>

#include "tessera/models/place_vision.h"
#include "tessera/models/qwen2.h"
#include "tessera/models/qwen_vision.h"

namespace tessera::models {

// Keys of config.json: text_config or, in files before transformers 5, the same keys at the top; vision_config;
// image_token_id, video_token_id. Of preprocessor_config.json: min_pixels and max_pixels, or size with shortest_edge
// and longest_edge; image_mean, image_std.
struct QwenVlConfig {
  Json text;    // the language model's config
  Json vision;  // the tower's
  int64_t image_id = 0, video_id = 0;
  image::SmartResizeOptions resize;
  image::PatchOptions patches;
  image::PointConvention points;
  double steps_per_second = 0;  // of a video's positions; 0: one step for each group of frames, whatever it lasts

  QwenVlConfig(const ModelSource& source, image::PointConvention points);
  // The source of the language model alone; this config must outlive it.
  ModelSource TextOf(const ModelSource& source) const;
};

// How both families prepare pictures and place them.
class QwenVlProcessor : public virtual VisionProcessor {
 public:
  explicit QwenVlProcessor(const QwenVlConfig& c) : config_(c) {}

  Tensor Shown(const Tensor& picture) const override;
  VisionInput Prepare(const Tensor& picture) const override;
  // Each frame as a picture, but smaller where there are many: at most 768 tokens a step of two frames, and 115,200
  // altogether, as in the tool that the models' authors publish (qwen-vl-utils).
  VisionInput PrepareVideo(std::span<const Tensor> frames, double frames_per_second) const override;
  int64_t patch_width() const override;
  int64_t Tokens(const image::PatchGrid& grid) const override;
  int64_t Placeholder(VisionKind kind) const override;
  // A vision block that begins at p: token (t, row, column) stands at (p + ⌊t · interval⌋, p + row, p + column), where
  // interval is 1, or steps_per_second · seconds_per_step for a video. Text goes on one after the greatest so far.
  Tensor Positions(int64_t length, std::span<const VisionPlace> places,
                   std::span<const VisionInput> inputs) const override;
  image::PointConvention points() const override { return config_.points; }

 protected:
  void Check(std::span<const VisionInput> inputs) const;

 private:
  QwenVlConfig config_;
};

// Tower(Scope, Json vision_config, text hidden) makes a tower; tower(patches [P, K], inputs, observer) -> [N, C].
template <typename Tower>
class QwenVl : public Qwen2Decoder, public QwenVlProcessor, public VisionEncoder {
 public:
  QwenVl(ModelSummary summary, const Qwen2Config& text, const QwenVlConfig& c, const ModelSource& source,
         const nn::LoadOptions& options)
      : Qwen2Decoder(std::move(summary), text, source, options),
        QwenVlProcessor(c),
        tower_(nn::Scope(parameters(), "visual"), c.vision, text.hidden) {}

  const VisionEncoder* vision() const override { return this; }

  Tensor Encode(std::span<const VisionInput> inputs, const VisionObserver& observer) const override {
    Check(inputs);
    std::vector<Tensor> patches;
    for (const VisionInput& input : inputs) patches.push_back(input.patches);
    const Tensor all = patches.size() == 1 ? patches[0] : ops::Concat(patches, 0);
    // Features are kept and placed by the processor, whatever made them.
    return tower_(all.To(summary().device), inputs, observer).To(Device::kCpu);
  }

 private:
  Tower tower_;
};

// The model of a checkpoint with that tower.
template <typename Tower>
std::unique_ptr<LanguageModel> LoadQwenVl(const char* family, const QwenVlConfig& c, const ModelSource& source,
                                          const nn::LoadOptions& options) {
  const ModelSource text_source = c.TextOf(source);
  const Qwen2Config text(text_source);
  auto summary = Summarize(family, text, text_source, text.windows, options);
  return std::make_unique<QwenVl<Tower>>(std::move(summary), text, c, text_source, options);
}

}  // namespace tessera::models
