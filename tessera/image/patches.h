#pragma once
// Pictures as the rows of patches that a vision transformer reads.

#include <array>
#include <span>

#include "tessera/image/image.h"

namespace tessera::image {

// How many patches along time (groups of frames), height and width.
struct PatchGrid {
  int64_t t = 0, h = 0, w = 0;
  int64_t patches() const { return t * h * w; }
  bool operator==(const PatchGrid&) const = default;
};

struct PatchOptions {
  int64_t patch = 14;                          // p, pixels on a side
  int64_t merge = 2;                           // m: blocks of m x m patches stand together
  int64_t frames = 2;                          // s: a patch reaches over so many frames
  std::array<double, 3> mean{}, std{1, 1, 1};  // of red, green, blue in 0 … 1
};

// Frames u8 [H, W, 3] of one size, sides multiples of p · m, to patches f32 [t h w, 3 · s · p · p]; the last frame is
// repeated until the frames fill whole groups, so a picture is a group of copies of itself.
//
//   order of rows     (t, h / m, w / m, m, m): the patches of a block are neighbours
//   order in a row    (colour, frame, y, x)
//   value             (pixel / 255 - mean) / std
//
// Throws Error if the sizes do not fit.
Tensor MergedPatches(std::span<const Tensor> frames, const PatchOptions& options);
PatchGrid GridOf(const ImageSize& size, int64_t frame_count, const PatchOptions& options);

}  // namespace tessera::image
