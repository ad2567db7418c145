#pragma once
// The lengths of a tensor's axes, outermost first. At most 8 axes, each at least 0; their product fits an int64.

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace tessera {

inline constexpr int kMaxRank = 8;

class Shape {
 public:
  Shape() = default;  // rank 0: one value
  Shape(std::initializer_list<int64_t> dims) : Shape(std::span(dims.begin(), dims.size())) {}
  explicit Shape(std::span<const int64_t> dims);  // throws Error for rank > 8, a negative length, or overflow

  int rank() const { return rank_; }
  // The length of an axis; negative axes count from the end. Throws Error outside.
  int64_t operator[](int axis) const { return dims_[static_cast<size_t>(Axis(axis))]; }
  int64_t numel() const { return numel_; }
  std::span<const int64_t> dims() const { return {dims_.data(), static_cast<size_t>(rank_)}; }
  auto begin() const { return dims().begin(); }
  auto end() const { return dims().end(); }

  // `axis` as 0 … rank-1, counting negatives from the end; throws Error outside.
  int Axis(int axis) const {
    const int counted = axis < 0 ? axis + rank_ : axis;
    if (counted < 0 || counted >= rank_) NoAxis(axis);
    return counted;
  }
  // The same shape with the length of one axis changed, with an axis removed, or with one inserted before `axis`.
  Shape With(int axis, int64_t length) const;
  Shape Without(int axis) const;
  Shape Insert(int axis, int64_t length) const;

  friend bool operator==(const Shape& a, const Shape& b) { return a.rank_ == b.rank_ && a.dims_ == b.dims_; }

 private:
  [[noreturn]] void NoAxis(int axis) const;

  std::array<int64_t, kMaxRank> dims_{};
  int rank_ = 0;
  int64_t numel_ = 1;
};

std::string ToString(const Shape& shape);  // "[2, 3]"

}  // namespace tessera

template <>
struct fmt::formatter<tessera::Shape> : fmt::formatter<std::string> {
  template <typename Context>
  auto format(const tessera::Shape& shape, Context& context) const {
    return fmt::formatter<std::string>::format(tessera::ToString(shape), context);
  }
};
