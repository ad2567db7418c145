#pragma once
// What a checkpoint says of one tensor, without its values.

#include <cstdint>
#include <string>

#include "tessera/core/dtype.h"
#include "tessera/core/shape.h"

namespace tessera::weights {

struct TensorInfo {
  std::string name;
  Shape shape;  // outermost axis first, whatever order the file uses
  DType dtype = DType::kF32;
  int64_t begin = 0;  // byte offset of its values in the file
  int64_t bytes = 0;
};

}  // namespace tessera::weights
