#pragma once
// The names of vision tensors: in checkpoints, and in the layout of GGUF files of architecture "clip".

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::weights {

// clip.projector_type of a family ("qwen2_vl": "qwen2vl_merger"; empty for others), and back.
std::string_view ProjectorOfFamily(std::string_view family);
std::optional<std::string_view> FamilyOfProjector(std::string_view type);
std::vector<std::string_view> ProjectorTypes();

// A tensor of a GGUF file as a part of one of the checkpoint's.
struct VisionPart {
  std::string name;  // the checkpoint's
  int number = 0;    // 0, 1, 2 of q, k, v; of the frames of a patch
};

// "v.blk.3.attn_k.bias" of a qwen2_vl -> {"visual.blocks.3.attn.qkv.bias", 1}; nothing for names that are not known.
// `swapped`: the two layers of the MLP go by each other's names, as in older files.
std::optional<VisionPart> VisionNameFromGguf(std::string_view family, std::string_view gguf_name, bool swapped);

// The other direction: the name without q, k, v or frame, "v.blk.3.attn_qkv.bias"; nothing for tensors of other parts.
std::optional<std::string> VisionNameToGguf(std::string_view family, std::string_view name);

}  // namespace tessera::weights
