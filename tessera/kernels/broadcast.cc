#include "tessera/kernels/broadcast.h"

#include <algorithm>
#include <vector>

#include "tessera/core/error.h"

namespace tessera::kernels {
namespace {

int64_t AlignedDim(const Shape& shape, int axis, int rank) {
  const int own = axis - (rank - shape.rank());
  return own < 0 ? 1 : shape[own];
}

}  // namespace

Shape BroadcastShape(std::string_view where, const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  std::vector<int64_t> dims(rank);
  for (int i = 0; i < rank; ++i) {
    const int64_t da = AlignedDim(a, i, rank), db = AlignedDim(b, i, rank);
    Require(da == db || da == 1 || db == 1, "{}: shapes {} and {} do not broadcast: {} against {} on one axis", where,
            a, b, da, db);
    dims[i] = da == 1 ? db : da;
  }
  return Shape(dims);
}

BroadcastLoop::BroadcastLoop(const Shape& a, const Shape& b) : shape(BroadcastShape("broadcast", a, b)) {
  const int rank = shape.rank();
  int64_t a_stride = 1, b_stride = 1;
  int merged = 0;  // axes from the innermost outwards
  for (int i = rank - 1; i >= 0; --i) {
    const int64_t da = AlignedDim(a, i, rank), db = AlignedDim(b, i, rank), length = shape[i];
    const int64_t sa = da == 1 ? 0 : a_stride, sb = db == 1 ? 0 : b_stride;
    a_stride *= da;
    b_stride *= db;
    if (length == 1) continue;
    if (merged > 0) {
      const int last = merged - 1;
      if (sa == a_stride_[last] * length_[last] && sb == b_stride_[last] * length_[last]) {
        length_[last] *= length;
        continue;
      }
    }
    length_[merged] = length;
    a_stride_[merged] = sa;
    b_stride_[merged++] = sb;
  }
  if (merged == 0) return;
  inner = length_[0];
  a_step = a_stride_[0];
  b_step = b_stride_[0];
  axes_ = merged - 1;
  for (int i = 0; i < axes_; ++i) {  // drop the inner axis
    length_[i] = length_[i + 1];
    a_stride_[i] = a_stride_[i + 1];
    b_stride_[i] = b_stride_[i + 1];
    outer *= length_[i];
  }
}

std::pair<int64_t, int64_t> BroadcastLoop::Begin(int64_t outer_index) const {
  int64_t a = 0, b = 0;
  for (int i = 0; i < axes_; ++i) {
    const int64_t index = outer_index % length_[i];
    outer_index /= length_[i];
    a += index * a_stride_[i];
    b += index * b_stride_[i];
  }
  return {a, b};
}

}  // namespace tessera::kernels
