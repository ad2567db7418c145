#include "tessera/models/qwen_vl.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "tessera/image/resize.h"
#include "tessera/models/config_reader.h"

namespace tessera::models {
namespace {

// The ids of the released vocabularies, which their configs may leave out.
constexpr int64_t kImagePad = 151655, kVideoPad = 151656;
// CLIP's, as everywhere in these families.
const std::vector<double> kMean = {0.48145466, 0.4578275, 0.40821073}, kStd = {0.26862954, 0.26130258, 0.27577711};

int64_t Id(const ConfigReader& reader, const char* key, int64_t otherwise) {
  return reader.Has(key) ? reader.Count(key, 0) : otherwise;
}

constexpr int64_t kVideoTokens = 115'200, kFrameTokens = 768;  // of a video at most: altogether, and of a step

// One encoder pass never holds more; 64 Mpx in patches of 14 pixels are 342,392.
constexpr int64_t kMaxPatches = int64_t{1} << 22;

}  // namespace

QwenVlConfig::QwenVlConfig(const ModelSource& source, image::PointConvention convention) : points(convention) {
  const ConfigReader reader(source.config);
  text = reader.Has("text_config") ? source.config["text_config"] : source.config;
  Require(text.is_object(), "config: \"text_config\" must be an object");
  // Files of transformers 5 say this once, at the top.
  if (reader.Has("tie_word_embeddings")) text["tie_word_embeddings"] = source.config["tie_word_embeddings"];
  Require(reader.Has("vision_config") && source.config["vision_config"].is_object(),
          "config: \"vision_config\" is missing; is this the config of a model of text alone?");
  vision = source.config["vision_config"];
  const ConfigReader tower(vision);
  patches.patch = tower.Size("patch_size", 14);
  patches.merge = tower.Size("spatial_merge_size", 2);
  patches.frames = tower.Size("temporal_patch_size", 2);
  Require(patches.patch <= 1024 && patches.merge <= 64 && patches.frames <= 64,
          "config: patches of {} pixels and {} frames in blocks of {} are no picture's", patches.patch, patches.frames,
          patches.merge);
  resize.factor = patches.patch * patches.merge;
  image_id = Id(reader, "image_token_id", kImagePad);
  video_id = Id(reader, "video_token_id", kVideoPad);
  const ConfigReader processor(source.preprocessor_config);
  const Json size = source.preprocessor_config.value("size", Json::object());
  const ConfigReader edges(size);
  constexpr int64_t kMin = 56 * 56, kMax = 28 * 28 * 1280;
  resize.min_pixels = processor.Size("min_pixels", edges.Size("shortest_edge", kMin));
  resize.max_pixels = processor.Size("max_pixels", edges.Size("longest_edge", kMax));
  Require(resize.min_pixels <= resize.max_pixels, "preprocessor_config: min_pixels {} exceed max_pixels {}",
          resize.min_pixels, resize.max_pixels);
  std::ranges::copy(processor.Numbers("image_mean", kMean), patches.mean.begin());
  std::ranges::copy(processor.Numbers("image_std", kStd), patches.std.begin());
  for (const double deviation : patches.std)
    Require(deviation > 0, "preprocessor_config: an \"image_std\" of {}", deviation);
}

ModelSource QwenVlConfig::TextOf(const ModelSource& source) const {
  return {.config = text, .generation_config = source.generation_config, .find = source.find};
}

Tensor QwenVlProcessor::Shown(const Tensor& picture) const {
  const image::ImageSize encoded = image::SmartResize(image::SizeOf(picture, "vision"), config_.resize);
  return image::Resize(image::WithoutAlpha(picture), encoded, image::ResizeFilter::kBicubic);
}

VisionInput QwenVlProcessor::Prepare(const Tensor& picture) const {
  const std::array frames = {Shown(picture)};
  const image::ImageSize encoded = image::SizeOf(frames[0], "vision");
  return {.patches = image::MergedPatches(frames, config_.patches),
          .grid = image::GridOf(encoded, 1, config_.patches),
          .seen = {.original = image::SizeOf(picture, "vision"), .encoded = encoded}};
}

VisionInput QwenVlProcessor::PrepareVideo(std::span<const Tensor> frames, double frames_per_second) const {
  Require(!frames.empty() && std::isfinite(frames_per_second) && frames_per_second > 0,
          "vision: a video of {} frames at {} a second", frames.size(), frames_per_second);
  const int64_t token = config_.resize.factor * config_.resize.factor;  // pixels
  const int64_t share = kVideoTokens * token / std::ssize(frames) * config_.patches.frames;
  image::SmartResizeOptions resize = config_.resize;
  resize.max_pixels = std::min({resize.max_pixels, kFrameTokens * token, share});
  resize.max_pixels = std::max(resize.max_pixels, resize.min_pixels);
  const image::ImageSize original = image::SizeOf(frames[0], "vision");
  const image::ImageSize encoded = image::SmartResize(original, resize);
  std::vector<Tensor> resized;
  for (const Tensor& frame : frames) {
    Require(image::SizeOf(frame, "vision") == original, "vision: the frames of a video must be of one size");
    resized.push_back(image::Resize(image::WithoutAlpha(frame), encoded, image::ResizeFilter::kBicubic));
  }
  const image::PatchGrid grid = image::GridOf(encoded, std::ssize(frames), config_.patches);
  Tokens(grid);  // refuses what is too much
  return {.patches = image::MergedPatches(resized, config_.patches),
          .grid = grid,
          .kind = VisionKind::kVideo,
          .seconds_per_step = static_cast<double>(config_.patches.frames) / frames_per_second,
          .seen = {.original = original, .encoded = encoded}};
}

int64_t QwenVlProcessor::patch_width() const {
  return 3 * config_.patches.frames * config_.patches.patch * config_.patches.patch;
}

int64_t QwenVlProcessor::Tokens(const image::PatchGrid& grid) const {
  const int64_t merge = config_.patches.merge;
  const bool sane = grid.t > 0 && grid.h > 0 && grid.w > 0 && grid.h <= kMaxPatches && grid.w <= kMaxPatches / grid.h &&
                    grid.t <= kMaxPatches / (grid.h * grid.w);
  Require(sane && grid.h % merge == 0 && grid.w % merge == 0,
          "vision: a grid of {} x {} x {} patches; height and width must be multiples of {}, and all together at most "
          "{}",
          grid.t, grid.h, grid.w, merge, kMaxPatches);
  return grid.patches() / (merge * merge);
}

int64_t QwenVlProcessor::Placeholder(VisionKind kind) const {
  return kind == VisionKind::kImage ? config_.image_id : config_.video_id;
}

Tensor QwenVlProcessor::Positions(int64_t length, std::span<const VisionPlace> places,
                                  std::span<const VisionInput> inputs) const {
  Tensor positions = Tensor::Empty({3, length}, DType::kI64);
  int64_t* out = positions.mutable_data<int64_t>().data();
  const auto put = [&](int64_t row, int64_t time, int64_t y, int64_t x) {
    out[row] = time;
    out[length + row] = y;
    out[2 * length + row] = x;
  };
  int64_t row = 0, next = 0;  // the next token, and one more than the greatest position so far
  const auto text_until = [&](int64_t end) {
    for (; row < end; ++row, ++next) put(row, next, next, next);
  };
  for (const VisionPlace& place : places) {
    text_until(place.begin);
    const VisionInput& input = inputs[place.input];
    const double interval = input.kind == VisionKind::kVideo && config_.steps_per_second > 0
                                ? config_.steps_per_second * input.seconds_per_step
                                : 1;
    const int64_t h = input.grid.h / config_.patches.merge, w = input.grid.w / config_.patches.merge;
    int64_t last = 0;
    for (int64_t i = 0; i < place.count; ++i, ++row) {
      const auto time = static_cast<int64_t>(std::floor(static_cast<double>(i / (h * w)) * interval));
      put(row, next + time, next + i % (h * w) / w, next + i % w);
      last = std::max({last, time, h - 1, w - 1});
    }
    next += last + 1;
  }
  text_until(length);
  return positions;
}

void QwenVlProcessor::Check(std::span<const VisionInput> inputs) const {
  Require(!inputs.empty(), "vision: there is nothing to encode");
  for (size_t i = 0; i < inputs.size(); ++i) {
    const VisionInput& input = inputs[i];
    Tokens(input.grid);
    Require(input.patches.defined() && input.patches.dtype() == DType::kF32 &&
                input.patches.shape() == Shape{input.grid.patches(), patch_width()},
            "vision: the patches of input {} must be f32 [{}, {}], as its grid of {} x {} x {} says", i,
            input.grid.patches(), patch_width(), input.grid.t, input.grid.h, input.grid.w);
  }
}

}  // namespace tessera::models
