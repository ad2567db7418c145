#include "tessera/weights/vision_sizes.h"

#include <cmath>
#include <functional>

#include "tessera/core/error.h"

namespace tessera::weights {

VisionSizes VisionSizesOf(std::string_view family, bool swapped,
                          const std::function<const Shape*(const std::string& name)>& shape_of) {
  const auto shape = [&](const std::string& name, int rank) {
    const Shape* found = shape_of(name);
    Require(found != nullptr, "the vision part has no tensor \"{}\"", name);
    Require(found->rank() == rank, "the vision part's \"{}\" is {}, it must have {} axes", name, *found, rank);
    return *found;
  };
  VisionSizes sizes;
  const Shape patches = shape("v.patch_embd.weight", 4);
  sizes.hidden = patches[0];
  sizes.patch = patches[2];
  if (shape_of("v.patch_embd.weight.1") != nullptr) sizes.frames = 2;
  while (shape_of(fmt::format("v.blk.{}.ln1.weight", sizes.depth)) != nullptr) ++sizes.depth;
  Require(sizes.depth > 0, "the vision part has no layer");
  sizes.ffn = shape(swapped ? "v.blk.0.ffn_down.weight" : "v.blk.0.ffn_up.weight", 2)[0];
  const bool kimi = family == "kimi_vl";
  const Shape first = shape(kimi ? "mm.1.weight" : "mm.0.weight", 2);
  sizes.merge = std::llround(std::sqrt(static_cast<double>(first[1]) / static_cast<double>(sizes.hidden)));
  Require(sizes.merge * sizes.merge * sizes.hidden == first[1],
          "the vision part's projector takes {} numbers, which are no square of blocks of {}", first[1], sizes.hidden);
  sizes.out = shape("mm.2.weight", 2)[0];
  if (kimi) sizes.positions = shape("v.position_embd.weight", 2)[0];
  return sizes;
}

}  // namespace tessera::weights
