#include "tessera/kernels/reduce.h"

#include <algorithm>
#include <vector>

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/cpu/row_grain.h"
#include "tessera/kernels/reference/reduce.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tessera/kernels/cpu/reduce.cc"
#include "tessera/kernels/cpu/targets.h"
// after targets.h:
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tessera/kernels/cpu/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;
using lanes::Vector;

float SumOfRow(DType dtype, const std::byte* row, int64_t n) {
  float sum = 0;
  lanes::WithType(dtype, [&]<typename T>(T) HWY_ATTR {
    sum = lanes::Reduce(
        lanes::Sum(), n, [](Vector v) HWY_ATTR { return v; }, reinterpret_cast<const T*>(row));
  });
  return sum;
}

// sum[i] += row[i]
void AddRow(DType dtype, const std::byte* row, int64_t n, float* sum) {
  lanes::WithType(dtype, [&]<typename T>(T) HWY_ATTR {
    const float* old = sum;
    lanes::Map(
        n, sum, [](Vector s, Vector v) HWY_ATTR { return hn::Add(s, v); }, old, reinterpret_cast<const T*>(row));
  });
}

// out[i] = scale · sum[i]
void StoreScaled(DType dtype, const float* sum, int64_t n, float scale, std::byte* out) {
  lanes::WithType(dtype, [&]<typename T>(T) HWY_ATTR {
    const Vector c = hn::Set(lanes::Floats(), scale);
    lanes::Map(
        n, reinterpret_cast<T*>(out), [&](Vector v) HWY_ATTR { return hn::Mul(v, c); }, sum);
  });
}

}  // namespace
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {
namespace {

HWY_EXPORT(SumOfRow);
HWY_EXPORT(AddRow);
HWY_EXPORT(StoreScaled);

constexpr int64_t kBlock = 8192;   // values of a long row that are added up at once; blocks are added in order
constexpr int64_t kColumns = 512;  // columns that one thread adds up: 2 KB of sums stay in the first cache

// The last axis: each row by itself, a long one in blocks.
void SumRows(const Tensor& x, const AxisSplit& split, float scale, Tensor& y) {
  const int64_t size = Info(x.dtype()).block_bytes, blocks = (split.length + kBlock - 1) / kBlock;
  std::vector<float> partial(static_cast<size_t>(split.outer * blocks));
  const auto kernel = TESSERA_DISPATCH(SumOfRow);
  ParallelForRange(split.outer * blocks, RowGrain(std::min(split.length, kBlock)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t from = i % blocks * kBlock, to = std::min(split.length, from + kBlock);
      partial[i] = kernel(x.dtype(), x.raw() + (i / blocks * split.length + from) * size, to - from);
    }
  });
  std::vector<float> sums(static_cast<size_t>(split.outer));
  for (int64_t o = 0; o < split.outer; ++o) {
    for (int64_t b = 0; b < blocks; ++b) sums[o] += partial[o * blocks + b];
  }
  TESSERA_DISPATCH(StoreScaled)(x.dtype(), sums.data(), split.outer, scale, y.mutable_raw());
}

// Another axis: columns side by side, row after row.
void SumColumns(const Tensor& x, const AxisSplit& split, float scale, Tensor& y) {
  const int64_t size = Info(x.dtype()).block_bytes, pieces = (split.inner + kColumns - 1) / kColumns;
  std::byte* out = y.mutable_raw();
  const auto add = TESSERA_DISPATCH(AddRow);
  const auto store = TESSERA_DISPATCH(StoreScaled);
  const int64_t work = split.length * std::min(split.inner, kColumns);
  ParallelForRange(split.outer * pieces, RowGrain(work), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t o = i / pieces, from = i % pieces * kColumns, n = std::min(kColumns, split.inner - from);
      float sum[kColumns] = {};
      for (int64_t row = 0; row < split.length; ++row)
        add(x.dtype(), x.raw() + ((o * split.length + row) * split.inner + from) * size, n, sum);
      store(x.dtype(), sum, n, scale, out + (o * split.inner + from) * size);
    }
  });
}

}  // namespace

Tensor SumAxis(const Tensor& x, int axis, double scale) {
  if (x.dtype() == DType::kF64) return reference::SumAxis(x, axis, scale);
  const AxisSplit split(x.shape(), axis);
  Tensor y = Tensor::Empty(x.shape().Without(axis), x.dtype());
  if (split.inner == 1)
    SumRows(x, split, static_cast<float>(scale), y);
  else
    SumColumns(x, split, static_cast<float>(scale), y);
  return y;
}

Tensor ExpandAxis(const Tensor& x, int axis, int64_t length, double scale) {
  return reference::ExpandAxis(x, axis, length, scale);
}
std::pair<Tensor, Tensor> MaxAxis(const Tensor& x, int axis) { return reference::MaxAxis(x, axis); }
Tensor TakeAxis(const Tensor& x, int axis, const Tensor& index) { return reference::TakeAxis(x, axis, index); }
Tensor PutAxis(const Tensor& x, int axis, int64_t length, const Tensor& index) {
  return reference::PutAxis(x, axis, length, index);
}

}  // namespace tessera::kernels
#endif
