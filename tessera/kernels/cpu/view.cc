#include "tessera/kernels/view.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/cpu/row_grain.h"
#include "tessera/kernels/reduce.h"

namespace tessera::kernels {
namespace {

// Copies `count` rows of `bytes`, which lie `from_step` and `to_step` bytes apart.
struct RowCopy {
  const std::byte* from;
  int64_t from_step;
  std::byte* to;
  int64_t to_step;
  int64_t count, bytes;
};
void CopyRows(const RowCopy& copy) {
  ParallelForRange(copy.count, RowGrain(copy.bytes / 4), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      std::memcpy(copy.to + i * copy.to_step, copy.from + i * copy.from_step, static_cast<size_t>(copy.bytes));
  });
}

// The axes in front of, between and behind the two that are swapped: [before, a, between, b, behind].
struct SwapSplit {
  int64_t before = 1, a = 1, between = 1, b = 1, behind = 1;
  SwapSplit(const Shape& shape, int axis_a, int axis_b) {
    for (int i = 0; i < shape.rank(); ++i) {
      int64_t& part = i < axis_a ? before : i == axis_a ? a : i < axis_b ? between : i == axis_b ? b : behind;
      part *= shape[i];
    }
  }
};

constexpr int64_t kTile = 32;

// y[j, m, i, …] = x[i, m, j, …] for all i and m and a tile of j. Tiles of 32 rows and 32 columns keep both sides in the
// first cache, where a walk along a whole column would touch a new line for each value.
template <typename T>
void SwapTile(const T* x, T* y, const SwapSplit& s, int64_t j_begin, int64_t j_end) {
  const int64_t x_step = s.between * s.b * s.behind;
  for (int64_t m = 0; m < s.between; ++m) {
    for (int64_t i_begin = 0; i_begin < s.a; i_begin += kTile) {
      const int64_t count = std::min(s.a - i_begin, kTile);
      for (int64_t j = j_begin; j < j_end; ++j) {
        const T* from = x + ((i_begin * s.between + m) * s.b + j) * s.behind;
        T* to = y + ((j * s.between + m) * s.a + i_begin) * s.behind;
        if (s.behind == 1) {
          for (int64_t i = 0; i < count; ++i) to[i] = from[i * x_step];
        } else {
          for (int64_t i = 0; i < count; ++i) std::copy_n(from + i * x_step, s.behind, to + i * s.behind);
        }
      }
    }
  }
}

template <typename T>
void Swap(const Tensor& x, Tensor& y, const SwapSplit& s) {
  const T* in = reinterpret_cast<const T*>(x.raw());
  T* out = reinterpret_cast<T*>(y.mutable_raw());
  const int64_t tiles = (s.b + kTile - 1) / kTile, volume = s.a * s.between * s.b * s.behind;
  const int64_t work = s.a * s.between * std::min(s.b, kTile) * s.behind;
  ParallelForRange(s.before * tiles, RowGrain(work), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t at = i / tiles * volume, j = i % tiles * kTile;
      SwapTile(in + at, out + at, s, j, std::min(s.b, j + kTile));
    }
  });
}

}  // namespace

Tensor Transpose(const Tensor& x, int axis_a, int axis_b) {
  int a = x.shape().Axis(axis_a), b = x.shape().Axis(axis_b);
  if (a > b) std::swap(a, b);
  Tensor y = Tensor::Empty(x.shape().With(a, x.dim(b)).With(b, x.dim(a)), x.dtype());
  if (a == b || x.numel() == 0) return x.Clone().Reshape(y.shape());
  const SwapSplit split(x.shape(), a, b);
  switch (Info(x.dtype()).block_bytes) {
    case 1:
      Swap<uint8_t>(x, y, split);
      break;
    case 2:
      Swap<uint16_t>(x, y, split);
      break;
    case 4:
      Swap<uint32_t>(x, y, split);
      break;
    default:
      Swap<uint64_t>(x, y, split);
  }
  return y;
}

Tensor Slice(const Tensor& x, int axis, int64_t begin, int64_t end) {
  const AxisSplit split(x.shape(), axis);
  const int64_t place = split.inner * Info(x.dtype()).block_bytes, bytes = (end - begin) * place;
  Tensor y = Tensor::Empty(x.shape().With(axis, end - begin), x.dtype());
  CopyRows({x.raw() + begin * place, split.length * place, y.mutable_raw(), bytes, split.outer, bytes});
  return y;
}

Tensor Unslice(const Tensor& x, int axis, int64_t begin, int64_t length) {
  const AxisSplit split(x.shape(), axis);
  const int64_t place = split.inner * Info(x.dtype()).block_bytes, bytes = split.length * place;
  Tensor y = Tensor::Zeros(x.shape().With(axis, length), x.dtype());
  CopyRows({x.raw(), bytes, y.mutable_raw() + begin * place, length * place, split.outer, bytes});
  return y;
}

Tensor Concat(std::span<const Tensor> parts, int axis) {
  int64_t length = 0, begin = 0;
  for (const Tensor& part : parts) length += part.dim(axis);
  Tensor y = Tensor::Empty(parts[0].shape().With(axis, length), parts[0].dtype());
  const AxisSplit whole(y.shape(), axis);
  const int64_t place = whole.inner * Info(y.dtype()).block_bytes;
  for (const Tensor& part : parts) {
    const int64_t bytes = part.dim(axis) * place;
    CopyRows({part.raw(), bytes, y.mutable_raw() + begin * place, length * place, whole.outer, bytes});
    begin += part.dim(axis);
  }
  return y;
}

}  // namespace tessera::kernels
