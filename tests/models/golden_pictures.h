#pragma once
// What the prompts of a golden case show a model.

#include <algorithm>
#include <string>
#include <vector>

#include "models/golden.h"
#include "tessera/core/json.h"
#include "tessera/core/mapped_file.h"
#include "tessera/models/padded_batch.h"
#include "tessera/models/vision_tensors.h"

namespace tessera::models {

inline Tensor Named(const NamedTensors& results, const std::string& name) {
  const auto found = std::ranges::find(results, name, &NamedTensors::value_type::first);
  return found == results.end() ? Tensor() : found->second;
}

// What a prompt of a case shows the model, in the order of its placeholders.
inline std::vector<VisionInput> InputsOf(const Golden& golden, const std::string& prompt,
                                         const VisionEncoder& encoder) {
  const Json about = ParseJson(ReadFile(Golden::Folder(golden.name) + "/case.json", 1 << 20), "case.json");
  const Json& entry = about["prompts"][prompt];
  std::vector<VisionInput> inputs;
  for (const std::string picture : entry["images"]) {
    const VisionTensors tensors{.pixel_values = golden[picture + ".pixel_values"],
                                .image_grid_thw = golden[picture + ".grid_thw"]};
    inputs.push_back(SplitVision(tensors, encoder)[0]);
  }
  if (entry["video"].get<bool>()) {
    VisionTensors tensors{.pixel_values_videos = golden["video.pixel_values"],
                          .video_grid_thw = golden["video.grid_thw"]};
    if (golden.expected.Has(prompt + ".second_per_grid_ts"))
      tensors.second_per_grid_ts = golden[prompt + ".second_per_grid_ts"];
    inputs.push_back(SplitVision(tensors, encoder)[0]);
  }
  return inputs;
}

}  // namespace tessera::models
