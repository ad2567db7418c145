#pragma once
// The part of a GGUF model that sees pictures: a file of its own ("mmproj", architecture "clip") beside the language
// model's, or the same tensors and keys within that file, which is how `quantize` writes them.
//
//   v.patch_embd.weight, .weight.1    the patches' weights, one tensor a frame        v.post_ln     the norm at the end
//   v.blk.3.attn_q, attn_k, attn_v    of the checkpoint's one matrix [q | k | v]      mm.0, mm.2    merger, projector
//
// Sizes are read from the tensors' shapes, because converters have written other numbers into the keys.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/weights/gguf.h"

namespace tessera::weights {

// Tensors of the file that make one tensor of the checkpoint: rows end to end, frames side by side, or one as it is in
// the shape that the checkpoint gives it.
struct VisionTensor {
  std::vector<std::string> parts;  // GGUF names
  TensorInfo info;                 // as the checkpoint has it; bytes of all parts
};

struct GgufVision {
  std::string family;  // "qwen2_vl", "qwen2_5_vl" or "kimi_vl"
  int64_t width = 0;   // of the language model that it was made for
  Json vision_config, preprocessor_config;
  std::map<std::string, VisionTensor> tensors;  // by the checkpoint's names
};

// Whether the file has such a part.
bool HasVision(const GgufFile& file);
// It. Throws Error that names the file for a projector of another kind, for keys and tensors that are missing, and for
// shapes that contradict each other.
GgufVision ReadGgufVision(const GgufFile& file);
// Whether it fits a language model of that config (weights/gguf_names.h).
bool FitsLanguageModel(const GgufVision& vision, const Json& config);
// The config of both, as checkpoints have it; placeholders are looked for in the vocabulary of `text`.
Json WithVision(const Json& config, const GgufVision& vision, const GgufFile& text);
// Before the names of the language model's tensors in checkpoints of the family: "" or "language_model.".
std::string_view LanguagePrefix(std::string_view family);

// The tensor of the checkpoint, mapped where it is one tensor of the file.
Tensor GetVisionTensor(const GgufFile& file, const VisionTensor& tensor);

}  // namespace tessera::weights
