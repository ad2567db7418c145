#include "tessera/weights/mapped_tensor.h"

#include <cstring>

namespace tessera::weights {
namespace {

// Plain values align to their size. Blocks begin with or contain 16-bit scales; only q8_k has a 32-bit one.
int64_t Alignment(DType dtype) {
  if (!IsQuantized(dtype)) return Info(dtype).block_bytes;
  return dtype == DType::kQ8_K ? 4 : 2;
}

}  // namespace

Tensor MappedTensor(const std::shared_ptr<const MappedFile>& file, const TensorInfo& info) {
  if (info.bytes == 0) return Tensor::Empty(info.shape, info.dtype);
  Require(info.begin >= 0 && info.bytes <= file->size() && info.begin <= file->size() - info.bytes,
          "{}: tensor \"{}\" lies outside the file", file->path(), info.name);
  const std::byte* data = file->bytes().data() + info.begin;
  if (reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(Alignment(info.dtype)) == 0)
    return Tensor::Borrow(file, data, info.shape, info.dtype);
  Tensor copy = Tensor::Empty(info.shape, info.dtype);
  std::memcpy(copy.mutable_raw(), data, static_cast<size_t>(info.bytes));
  return copy;
}

}  // namespace tessera::weights
