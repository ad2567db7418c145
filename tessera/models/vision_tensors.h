#pragma once
// Pictures and videos as other frameworks feed them: tensors of patches with their grids.

#include <vector>

#include "tessera/models/vision.h"

namespace tessera::models {

struct VisionTensors {
  Tensor pixel_values;    // f32 [P, K]: the patches of all pictures, end to end; or [P, 3, p, p], as Kimi-VL has them;
                          // or [N, 3, S, S] without a grid: whole pictures, as Chameleon has them
  Tensor image_grid_thw;  // i64 or i32 [N, 3], or [N, 2]: height and width alone
  Tensor pixel_values_videos;  // the same for videos
  Tensor video_grid_thw;       // [M, 3]
  Tensor second_per_grid_ts;   // f32 [M]; undefined: one second a step
};

// One input a row of the grids, pictures first. Throws Error that names the tensor for a wrong shape or dtype, and for
// patches that are more or fewer than the grids say.
std::vector<VisionInput> SplitVision(const VisionTensors& tensors, const VisionProcessor& processor);

}  // namespace tessera::models
