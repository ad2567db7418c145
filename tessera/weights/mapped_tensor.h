#pragma once
// A tensor whose values stay in a mapped file.

#include <memory>

#include "tessera/core/mapped_file.h"
#include "tessera/core/tensor.h"
#include "tessera/weights/tensor_info.h"

namespace tessera::weights {

// The tensor that `info` describes; the mapping lives as long as the tensor. `info` must lie inside the file.
// Values that the file does not align to their size are copied, since processors and compilers want them aligned.
Tensor MappedTensor(const std::shared_ptr<const MappedFile>& file, const TensorInfo& info);

}  // namespace tessera::weights
