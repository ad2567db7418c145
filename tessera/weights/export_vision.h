#pragma once
// The vision part of a checkpoint as tensors and keys of a GGUF file: the way back of gguf_vision.h.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/tensor.h"
#include "tessera/weights/gguf_writer.h"
#include "tessera/weights/tensor_info.h"

namespace tessera::weights {

// Whether a config's model_type is of a family whose vision part GGUF has names for.
bool HasVisionNames(std::string_view family);

// A part of a vision tensor of a checkpoint, which is a tensor of the GGUF file.
struct VisionPiece {
  std::string name;  // in GGUF
  Shape shape;
  int axis = 0;  // the piece is begin <= index < end along it, squeezed if it is a frame
  int64_t begin = 0, end = 0;
};
// Empty for tensors of other parts of the checkpoint. Throws Error for a shape that cannot be parted.
std::vector<VisionPiece> VisionPieces(std::string_view family, const TensorInfo& info);
Tensor TakePiece(const Tensor& tensor, const VisionPiece& piece);

// The keys of the vision part; `pieces` are all of it. `config` and `preprocessor_config` are the checkpoint's.
void WriteVisionConfig(const Json& config, const Json& preprocessor_config, std::span<const VisionPiece> pieces,
                       GgufWriter& writer);

}  // namespace tessera::weights
