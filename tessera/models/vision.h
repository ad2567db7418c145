#pragma once
// What a model that sees pictures offers beside LanguageModel:
//
//   const VisionEncoder& eyes = *model->vision();
//   std::vector<VisionInput> inputs = {eyes.Prepare(image::ReadImage("screen.png"))};
//   std::vector<int64_t> ids = ExpandPlaceholders(tokens, inputs, eyes);            // <|image_pad|> as often as needed
//   Tensor x = PlaceFeatures(model->Embed(ids), eyes.Encode(inputs), rows);         // models/place_vision.h
//   Tensor positions = eyes.Positions(T, places, inputs);
//
// Pictures of any sizes are packed patches end to end, never padded to each other.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "tessera/core/tensor.h"
#include "tessera/image/coordinates.h"
#include "tessera/image/patches.h"

namespace tessera::models {

enum class VisionKind : uint8_t { kImage, kVideo };

// A picture or a video as an encoder takes it.
struct VisionInput {
  Tensor patches;  // f32 [P, K], P = grid.patches()
  image::PatchGrid grid;
  VisionKind kind = VisionKind::kImage;
  double seconds_per_step = 1;  // of a video: how long one step of the grid's t lasts
  image::SeenImage seen;        // of what Prepare or PrepareVideo made: its size before and after
};

// Where an input's features stand in a sequence of tokens.
struct VisionPlace {
  size_t input = 0;  // index of the VisionInput
  int64_t begin = 0, count = 0;
};

// Called with what the goldens name: "patch_embed", "block0", … and each output [P, C'], in order.
using VisionObserver = std::function<void(const std::string& name, const Tensor& output)>;

// What needs no weights: how pictures become patches, and patches become places in a prompt.
class VisionProcessor {
 public:
  virtual ~VisionProcessor() = default;

  // A picture u8 [H, W, 3 or 4] as the encoder sees it: u8 [H', W', 3].
  virtual Tensor Shown(const Tensor& picture) const = 0;
  // A picture u8 [H, W, 3 or 4] resized, normalised and cut into patches as the checkpoint's processor does it.
  // Throws Error for an aspect ratio that the family refuses.
  virtual VisionInput Prepare(const Tensor& picture) const = 0;
  // Frames u8 [H, W, 3 or 4] of a video, taken at that rate, likewise. Throws Error if the family takes no videos.
  virtual VisionInput PrepareVideo(std::span<const Tensor> frames, double frames_per_second) const;
  // K, the width of a row of patches.
  virtual int64_t patch_width() const = 0;
  // How many tokens a grid becomes. Throws Error if the grid does not divide into whole tokens.
  virtual int64_t Tokens(const image::PatchGrid& grid) const = 0;
  // The token that stands for one feature in a prompt; -1 where the family has no such input.
  virtual int64_t Placeholder(VisionKind kind) const = 0;
  // The positions i64 [3, T] of a sequence of T tokens with the inputs at `places`, ascending. Those of a longer
  // sequence go on by one from the greatest. Undefined where tokens of pictures stand like any others, one after
  // another.
  virtual Tensor Positions(int64_t length, std::span<const VisionPlace> places,
                           std::span<const VisionInput> inputs) const = 0;
  // The tokens that stand in a prompt for an input, in place of its one placeholder: as many placeholders as it has
  // features; or, in families whose pictures are tokens of the vocabulary, those tokens.
  virtual std::vector<int64_t> Expansion(const VisionInput& input) const {
    return std::vector<int64_t>(static_cast<size_t>(Tokens(input.grid)), Placeholder(input.kind));
  }
  // Whether pictures are such tokens, so that a prompt needs no features beside them.
  virtual bool early_fusion() const { return false; }
  // How the family's models name a point of a picture.
  virtual image::PointConvention points() const = 0;
};

class VisionEncoder : public virtual VisionProcessor {
 public:
  // The features [Σ Tokens, C] of the inputs, end to end in raster order of tokens. Each is the same bits alone or in
  // company. Throws Error that names the input whose shape is wrong.
  virtual Tensor Encode(std::span<const VisionInput> inputs, const VisionObserver& observer = {}) const = 0;
};

}  // namespace tessera::models
