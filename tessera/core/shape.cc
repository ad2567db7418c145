#include "tessera/core/shape.h"

#include <algorithm>

#include "tessera/core/checked.h"

namespace tessera {

Shape::Shape(std::span<const int64_t> dims) : rank_(static_cast<int>(std::min<size_t>(dims.size(), kMaxRank))) {
  Require(dims.size() <= kMaxRank, "shape: {} axes, at most {} are allowed", dims.size(), kMaxRank);
  int64_t widest = 1;  // without the axes of length 0: strides are products of the others
  for (int i = 0; i < rank_; ++i) {
    Require(dims[i] >= 0, "shape: axis {} has the negative length {}", i, dims[i]);
    dims_[i] = dims[i];
    widest = CheckedMul(widest, std::max<int64_t>(dims[i], 1), "shape: number of values");
    if (dims[i] == 0) numel_ = 0;
  }
  if (numel_ != 0) numel_ = widest;
}

void Shape::NoAxis(int axis) const { Fail("shape: no axis {} in {}", axis, *this); }

Shape Shape::With(int axis, int64_t length) const {
  std::array<int64_t, kMaxRank> dims = dims_;
  dims[Axis(axis)] = length;
  return Shape(std::span<const int64_t>(dims.data(), static_cast<size_t>(rank_)));
}

Shape Shape::Without(int axis) const {
  const int gone = Axis(axis);
  std::array<int64_t, kMaxRank> dims{};
  for (int i = 0, n = 0; i < rank_; ++i) {
    if (i != gone) dims[n++] = dims_[i];
  }
  return Shape(std::span<const int64_t>(dims.data(), static_cast<size_t>(rank_ - 1)));
}

Shape Shape::Insert(int axis, int64_t length) const {
  Require(rank_ < kMaxRank && axis >= 0 && axis <= rank_, "shape: cannot insert axis {} into {}", axis, *this);
  std::array<int64_t, kMaxRank> dims{};
  for (int i = 0, n = 0; n <= rank_; ++n) dims[n] = n == axis ? length : dims_[i++];
  return Shape(std::span<const int64_t>(dims.data(), static_cast<size_t>(rank_ + 1)));
}

std::string ToString(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape.dims(), ", ")); }

}  // namespace tessera
