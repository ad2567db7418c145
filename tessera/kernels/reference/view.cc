#include "tessera/kernels/reference/view.h"

#include <cstring>

#include "tessera/kernels/reduce.h"

namespace tessera::kernels::reference {
namespace {

// Copies [outer, length, inner] pieces: rows of `bytes` from one tensor into another with its own row length.
struct Rows {
  int64_t count, bytes;
};
void CopyRows(const std::byte* from, int64_t from_step, std::byte* to, int64_t to_step, Rows rows) {
  for (int64_t i = 0; i < rows.count; ++i)
    std::memcpy(to + i * to_step, from + i * from_step, static_cast<size_t>(rows.bytes));
}

}  // namespace

Tensor Transpose(const Tensor& x, int axis_a, int axis_b) { return x.Transpose(axis_a, axis_b).Clone(); }

Tensor Slice(const Tensor& x, int axis, int64_t begin, int64_t end) {
  const AxisSplit split(x.shape(), axis);
  const int64_t place = split.inner * Info(x.dtype()).block_bytes;
  Tensor y = Tensor::Empty(x.shape().With(axis, end - begin), x.dtype());
  CopyRows(x.raw() + begin * place, split.length * place, y.mutable_raw(), (end - begin) * place,
           {split.outer, (end - begin) * place});
  return y;
}

Tensor Unslice(const Tensor& x, int axis, int64_t begin, int64_t length) {
  const AxisSplit split(x.shape(), axis);
  const int64_t place = split.inner * Info(x.dtype()).block_bytes;
  Tensor y = Tensor::Zeros(x.shape().With(axis, length), x.dtype());
  CopyRows(x.raw(), split.length * place, y.mutable_raw() + begin * place, length * place,
           {split.outer, split.length * place});
  return y;
}

Tensor Concat(std::span<const Tensor> parts, int axis) {
  int64_t length = 0;
  for (const Tensor& part : parts) length += part.dim(axis);
  Tensor y = Tensor::Empty(parts[0].shape().With(axis, length), parts[0].dtype());
  const AxisSplit whole(y.shape(), axis);
  const int64_t place = whole.inner * Info(y.dtype()).block_bytes;
  int64_t begin = 0;
  for (const Tensor& part : parts) {
    CopyRows(part.raw(), part.dim(axis) * place, y.mutable_raw() + begin * place, length * place,
             {whole.outer, part.dim(axis) * place});
    begin += part.dim(axis);
  }
  return y;
}

}  // namespace tessera::kernels::reference
