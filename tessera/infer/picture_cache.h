#pragma once
// What an encoder made of pictures, kept by their content: a screenshot that stays in a conversation is encoded once,
// whatever happens to the turns around it.
//
//   PictureCache cache;
//   EncodedPicture seen = cache.Encode(*model->vision(), image::ReadImage("screen.png"));
//
// For one thread, and for one model: features of another mean nothing.

#include <cstdint>
#include <functional>
#include <list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/image/video.h"
#include "tessera/infer/prompt_vision.h"
#include "tessera/models/language_model.h"
#include "tessera/models/vision.h"

namespace tessera::infer {

// A picture, or a video.
struct EncodedPicture {
  std::string content;    // SHA-256 of the pixels and their shape
  image::PatchGrid grid;  // as the encoder saw it
  image::SeenImage seen;  // the sizes before and after, for points that the model names
  Tensor features;        // [N, C]; undefined where pictures are tokens of the vocabulary
  models::VisionKind kind = models::VisionKind::kImage;
  double seconds_per_step = 1;    // of a video
  std::vector<int64_t> ids = {};  // the tokens, where they say all
  // What resizing and what the encoder took; both 0 where the cache had it.
  double prepare_seconds = 0, encode_seconds = 0;

  int64_t tokens() const { return features ? features.dim(0) : std::ssize(ids); }
  int64_t bytes() const { return features ? features.bytes() : std::ssize(ids) * 8; }
};

class PictureCache {
 public:
  // Keeps the features used last, up to that many bytes; one picture is always kept.
  PictureCache() = default;
  explicit PictureCache(int64_t max_bytes) : max_bytes_(max_bytes) {}

  // Throws Error as VisionEncoder::Prepare does.
  EncodedPicture Encode(const models::VisionEncoder& encoder, const Tensor& picture);
  // Throws Error as VisionEncoder::PrepareVideo does.
  EncodedPicture EncodeVideo(const models::VisionEncoder& encoder, const image::Video& video);

  int64_t encoded() const { return encoded_; }  // how often the encoder ran
  int64_t found() const { return found_; }      // how often it did not have to

 private:
  int64_t max_bytes_ = int64_t{256} << 20;
  int64_t bytes_ = 0, encoded_ = 0, found_ = 0;
  std::list<EncodedPicture> kept_;  // the longest unused first

  EncodedPicture Keep(const models::VisionEncoder& encoder, const std::string& content,
                      const std::function<models::VisionInput()>& prepare);
};

// The features and positions of prompts whose placeholders are expanded already; the inputs are encoded together and
// taken in turn. Throws Error as models::FindPlaces does.
std::vector<PromptVision> SeeInputs(const models::VisionEncoder& encoder, std::span<const std::vector<int64_t>> prompts,
                                    std::span<const models::VisionInput> inputs);

// A prompt with pictures as a request takes it.
struct SeeingPrompt {
  std::vector<int32_t> tokens;  // placeholders expanded
  PromptVision vision;
};

// The tokens of a prompt with one placeholder a picture or video, and these in their order. Without pictures the tokens
// stay as they are, if they have no placeholder. Throws Error if pictures and placeholders do not match, and if there
// are pictures but the model sees none.
SeeingPrompt ShowPictures(const models::LanguageModel& model, std::vector<int32_t> tokens,
                          const std::vector<EncodedPicture>& pictures);

}  // namespace tessera::infer
