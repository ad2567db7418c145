#include "tessera/models/vision_tensors.h"

#include <string_view>

#include "tessera/core/checked.h"

namespace tessera::models {
namespace {

struct Names {
  std::string_view patches, grids;
};

std::vector<image::PatchGrid> Grids(const Tensor& tensor, std::string_view name) {
  const bool whole = tensor.dtype() == DType::kI64 || tensor.dtype() == DType::kI32;
  Require(whole && tensor.rank() == 2 && (tensor.dim(1) == 3 || tensor.dim(1) == 2),
          "input: \"{}\" must be i64 [N, 3], or [N, 2] without time; it is {} {}", name, Name(tensor.dtype()),
          tensor.shape());
  const Tensor values = tensor.Contiguous().To(DType::kI64);
  const auto v = values.data<int64_t>();
  const auto axes = static_cast<size_t>(tensor.dim(1));
  std::vector<image::PatchGrid> grids;
  for (size_t i = 0; i < v.size(); i += axes) grids.push_back({axes == 3 ? v[i] : 1, v[i + axes - 2], v[i + axes - 1]});
  return grids;
}

// Whole pictures [N, 3, S, S], colour by colour, for families whose pictures are tokens: each becomes the pixels of its
// rows, as Prepare gives them.
void SplitWhole(const Tensor& pictures, const VisionProcessor& processor, std::vector<VisionInput>& inputs) {
  Require(pictures.rank() == 4 && pictures.dim(0) > 0 && pictures.dim(1) == 3 && pictures.dim(2) == pictures.dim(3) &&
              Info(pictures.dtype()).is_float,
          "input: \"pixel_values\" must be f32 [pictures, 3, S, S], it is {} {}", Name(pictures.dtype()),
          pictures.shape());
  const int64_t count = pictures.dim(0), S = pictures.dim(2), width = processor.patch_width();
  int64_t side = 1;  // of the grid; its rows are of the width that the processor says
  while (side < S && CheckedMul(side * side, width, "pixel_values") < 3 * S * S) ++side;
  const image::PatchGrid grid{1, side, side};
  Require(side * side * width == 3 * S * S, "input: \"pixel_values\" {} has pictures of another size than the model's",
          pictures.shape());
  // Its own check.
  WithContext("input: \"pixel_values\"", [&] { return processor.Tokens(grid); });
  const Tensor last = pictures.To(DType::kF32).Transpose(1, 2).Transpose(2, 3).Contiguous();  // [N, S, S, 3]
  for (int64_t n = 0; n < count; ++n)
    inputs.push_back({.patches = last.Slice(0, n, n + 1).Reshape({side * side, width}), .grid = grid});
}

void Split(const Tensor& patches, const Tensor& grids, const Names& names, VisionKind kind,
           const VisionProcessor& processor, std::vector<VisionInput>& inputs) {
  Require(patches.defined() == grids.defined(), "input: \"{}\" and \"{}\" belong together; one is missing",
          names.patches, names.grids);
  if (!patches) return;
  const int64_t width = processor.patch_width();
  Require(patches.rank() >= 2 && patches.dim(0) > 0 && patches.numel() / patches.dim(0) == width &&
              Info(patches.dtype()).is_float,
          "input: \"{}\" must be f32 [patches, {}], it is {} {}", names.patches, width, Name(patches.dtype()),
          patches.shape());
  const Tensor rows = patches.Contiguous().To(DType::kF32).Reshape({patches.dim(0), width});
  int64_t begin = 0;
  for (const image::PatchGrid& grid : Grids(grids, names.grids)) {
    processor.Tokens(grid);  // its own check
    const int64_t end = begin + grid.patches();
    Require(end <= rows.dim(0), "input: \"{}\" has {} rows, fewer than \"{}\" says", names.patches, rows.dim(0),
            names.grids);
    inputs.push_back({.patches = rows.Slice(0, begin, end), .grid = grid, .kind = kind});
    begin = end;
  }
  Require(begin == rows.dim(0), "input: \"{}\" has {} rows, but \"{}\" says {}", names.patches, rows.dim(0),
          names.grids, begin);
}

}  // namespace

std::vector<VisionInput> SplitVision(const VisionTensors& t, const VisionProcessor& processor) {
  std::vector<VisionInput> inputs;
  if (processor.early_fusion() && t.pixel_values && !t.image_grid_thw) {
    Require(!t.pixel_values_videos && !t.video_grid_thw, "input: the model takes no videos");
    SplitWhole(t.pixel_values, processor, inputs);
    return inputs;
  }
  Split(t.pixel_values, t.image_grid_thw, {"pixel_values", "image_grid_thw"}, VisionKind::kImage, processor, inputs);
  const size_t images = inputs.size();
  Split(t.pixel_values_videos, t.video_grid_thw, {"pixel_values_videos", "video_grid_thw"}, VisionKind::kVideo,
        processor, inputs);
  if (!t.second_per_grid_ts) return inputs;
  const int64_t videos = std::ssize(inputs) - static_cast<int64_t>(images);
  Require(Info(t.second_per_grid_ts.dtype()).is_float && t.second_per_grid_ts.shape() == Shape{videos},
          "input: \"second_per_grid_ts\" must be f32 [{}], one a video", videos);
  const Tensor seconds = t.second_per_grid_ts.Contiguous().To(DType::kF32);
  for (size_t i = images; i < inputs.size(); ++i) {
    const float value = seconds.data<float>()[i - images];
    Require(value >= 0 && value < 1e6f, "input: \"second_per_grid_ts\" of video {} is {}", i - images, value);
    inputs[i].seconds_per_step = value;
  }
  return inputs;
}

}  // namespace tessera::models
