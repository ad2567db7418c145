#include "tessera/ops/broadcast.h"

#include "tessera/kernels/reduce.h"

namespace tessera::ops {
namespace {

int64_t AlignedDim(const Shape& shape, int axis, int rank) {
  const int own = axis - (rank - shape.rank());
  return own < 0 ? 1 : shape[own];
}

}  // namespace

Tensor BroadcastTo(const Tensor& x, const Shape& shape) {
  Tensor y = x.WithLineage(nullptr);
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {  // the last first: the copies stay small for longest
    if (AlignedDim(x.shape(), axis, shape.rank()) == shape[axis]) continue;
    Shape rest;  // y without the axis that repeats
    for (int i = 0; i < shape.rank(); ++i) {
      if (i != axis) rest = rest.Insert(rest.rank(), i > axis ? shape[i] : AlignedDim(x.shape(), i, shape.rank()));
    }
    y = kernels::ExpandAxis(y.Reshape(rest), axis, shape[axis], 1);
  }
  return y.Reshape(shape);
}

Tensor SumTo(const Tensor& x, const Shape& shape) {
  const int rank = x.rank();
  Tensor y = x.WithLineage(nullptr);
  for (int axis = 0; axis < rank; ++axis) {
    if (AlignedDim(shape, axis, rank) == x.dim(axis)) continue;
    y = kernels::SumAxis(y, axis, 1).Reshape(y.shape().With(axis, 1));
  }
  return y.Reshape(shape);
}

}  // namespace tessera::ops
