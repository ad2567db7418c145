#include "tessera/infer/picture_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>

#include "tessera/core/error.h"
#include "tessera/core/sha256.h"
#include "tessera/models/place_vision.h"

namespace tessera::infer {
namespace {

std::string Digest(const Tensor& picture) {
  Sha256 hash;
  hash.Update(fmt::format("{}", picture.shape()));
  hash.Update({reinterpret_cast<const char*>(picture.raw()), static_cast<size_t>(picture.bytes())});
  return hash.Finish();
}

}  // namespace

EncodedPicture PictureCache::Keep(const models::VisionEncoder& encoder, const std::string& content,
                                  const std::function<models::VisionInput()>& prepare) {
  const auto known = std::ranges::find(kept_, content, &EncodedPicture::content);
  if (known != kept_.end()) {
    ++found_;
    kept_.splice(kept_.end(), kept_, known);
    return kept_.back();
  }
  using Clock = std::chrono::steady_clock;
  const auto seconds = [](Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double>(to - from).count();
  };
  const auto start = Clock::now();
  const models::VisionInput input = prepare();
  const auto prepared = Clock::now();
  ++encoded_;
  kept_.push_back({.content = content,
                   .grid = input.grid,
                   .seen = input.seen,
                   .kind = input.kind,
                   .seconds_per_step = input.seconds_per_step});
  if (encoder.early_fusion())
    kept_.back().ids = encoder.Expansion(input);
  else
    kept_.back().features = encoder.Encode(std::span(&input, 1));
  EncodedPicture result = kept_.back();
  result.prepare_seconds = seconds(start, prepared);
  result.encode_seconds = seconds(prepared, Clock::now());
  bytes_ += result.bytes();
  while (bytes_ > max_bytes_ && kept_.size() > 1) {
    bytes_ -= kept_.front().bytes();
    kept_.pop_front();
  }
  return result;
}

EncodedPicture PictureCache::Encode(const models::VisionEncoder& encoder, const Tensor& picture) {
  image::SizeOf(picture, "picture");
  return Keep(encoder, Digest(picture), [&] { return encoder.Prepare(picture); });
}

EncodedPicture PictureCache::EncodeVideo(const models::VisionEncoder& encoder, const image::Video& video) {
  // The seconds decide where the frames stand, so they belong to the content.
  std::string frames = fmt::format("{} frames at {} a second", video.frames.size(), video.frames_per_second);
  for (const Tensor& frame : video.frames) frames += Digest(frame);
  Sha256 hash;
  hash.Update(frames);
  return Keep(encoder, hash.Finish(), [&] { return encoder.PrepareVideo(video.frames, video.frames_per_second); });
}

std::vector<PromptVision> SeeInputs(const models::VisionEncoder& encoder, std::span<const std::vector<int64_t>> prompts,
                                    std::span<const models::VisionInput> inputs) {
  const Tensor all = encoder.Encode(inputs);
  std::vector<int64_t> begins;  // of each input's features
  int64_t begin = 0;
  for (const models::VisionInput& input : inputs) {
    begins.push_back(begin);
    begin += encoder.Tokens(input.grid);
  }
  std::vector<PromptVision> seen;
  const auto places = models::FindPlaces(prompts, inputs, encoder);
  for (size_t i = 0; i < prompts.size(); ++i) {
    PromptVision& vision = seen.emplace_back();
    for (const models::VisionPlace& place : places[i]) {
      const int64_t from = begins[place.input];
      vision.features.push_back({.begin = place.begin,
                                 .features = all.Slice(0, from, from + place.count),
                                 .content = Digest(inputs[place.input].patches)});
    }
    vision.positions = encoder.Positions(std::ssize(prompts[i]), places[i], inputs);
  }
  return seen;
}

SeeingPrompt ShowPictures(const models::LanguageModel& model, std::vector<int32_t> tokens,
                          const std::vector<EncodedPicture>& pictures) {
  if (model.vision() == nullptr) {
    Require(pictures.empty(), "models of type \"{}\" see no pictures", model.summary().family);
    return {.tokens = std::move(tokens), .vision = {}};
  }
  const models::VisionEncoder& encoder = *model.vision();
  std::vector<models::VisionInput> inputs;
  for (const EncodedPicture& picture : pictures)
    inputs.push_back(
        {.patches = {}, .grid = picture.grid, .kind = picture.kind, .seconds_per_step = picture.seconds_per_step});
  const std::vector<int64_t> prompt_ids(tokens.begin(), tokens.end());
  if (encoder.early_fusion()) {
    const auto all =
        models::ExpandPlaceholders(prompt_ids, inputs, encoder, [&](size_t input) { return pictures[input].ids; });
    return {.tokens = {all.begin(), all.end()}, .vision = {}};
  }
  const std::vector<std::vector<int64_t>> ids = {models::ExpandPlaceholders(prompt_ids, inputs, encoder)};
  if (pictures.empty()) return {.tokens = std::move(tokens), .vision = {}};
  SeeingPrompt prompt{.tokens = {ids[0].begin(), ids[0].end()}, .vision = {}};
  const auto places = models::FindPlaces(ids, inputs, encoder)[0];
  for (const models::VisionPlace& place : places) {
    const EncodedPicture& picture = pictures[place.input];
    prompt.vision.features.push_back({.begin = place.begin, .features = picture.features, .content = picture.content});
  }
  prompt.vision.positions = encoder.Positions(std::ssize(prompt.tokens), places, inputs);
  return prompt;
}

}  // namespace tessera::infer
