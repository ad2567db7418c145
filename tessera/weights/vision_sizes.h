#pragma once
// Sizes of a vision tower that the shapes of its tensors in GGUF's layout tell.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "tessera/core/shape.h"

namespace tessera::weights {

struct VisionSizes {
  int64_t depth = 0, hidden = 0, ffn = 0;    // layers, C, F
  int64_t patch = 0, frames = 1, merge = 0;  // pixels of a patch, frames of a patch, patches of a block
  int64_t out = 0;                           // width of the language model
  int64_t positions = 0;                     // of MoonViT's table
};

// shape_of(name): the shape of the GGUF tensor of that name, or null. `swapped` as in vision_names.h. Throws Error for
// a tensor that is missing or has another number of axes, and for sizes that contradict each other.
VisionSizes VisionSizesOf(std::string_view family, bool swapped,
                          const std::function<const Shape*(const std::string& name)>& shape_of);

}  // namespace tessera::weights
