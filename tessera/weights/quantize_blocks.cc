#include "tessera/weights/quantize_blocks.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/quant_rows.h"

namespace tessera::weights {
namespace {

constexpr int64_t kValuesAtOnce = int64_t{1} << 22;  // between two calls of the progress function

// A tensor as rows: all axes but the last are one.
struct Rows {
  int64_t count, length, bytes;
};
Rows RowsOf(const Shape& shape, DType dtype) {
  const int64_t length = shape.rank() == 0 ? 1 : shape[-1];
  return {length == 0 ? 0 : shape.numel() / length, length, BytesFor(dtype, length)};
}

bool AllFinite(std::span<const float> values) {
  return std::ranges::all_of(values, [](float x) { return std::isfinite(x); });
}

// What one thread needs: a row in f32, and the same row after it went through the format.
struct Workspace {
  std::vector<float> values, back;
  explicit Workspace(int64_t length) : values(static_cast<size_t>(length)), back(static_cast<size_t>(length)) {}
};

void QuantizeCheckedRow(const Tensor& x, int64_t row, Tensor& result, Workspace& work, const std::string& name) {
  const DType dtype = result.dtype();
  std::byte* out = result.mutable_raw() + row * RowsOf(x.shape(), dtype).bytes;
  kernels::DequantizeRow(x.dtype(), x.raw() + row * RowsOf(x.shape(), x.dtype()).bytes, work.values);
  if (!AllFinite(work.values)) {
    const auto bad = std::ranges::find_if(work.values, [](float value) { return !std::isfinite(value); });
    Fail("{}: value {} of row {} is {}; {} has no such value. Is the checkpoint damaged?", name,
         bad - work.values.begin(), row, *bad, Name(dtype));
  }
  kernels::QuantizeRow(dtype, work.values, out);
  kernels::DequantizeRow(dtype, out, work.back);
  if (!AllFinite(work.back)) {
    const float largest =
        *std::ranges::max_element(work.values, [](float a, float b) { return std::fabs(a) < std::fabs(b); });
    Fail("{}: row {} holds {}, too large for {}, whose scales are 16-bit floats; use bf16 or f32", name, row, largest,
         Name(dtype));
  }
}

}  // namespace

Tensor Dequantize(const Tensor& x) {
  Require(x.defined() && x.contiguous(), "dequantize: needs a contiguous tensor");
  if (x.dtype() == DType::kF32) return x;
  Tensor result = Tensor::Empty(x.shape());
  const Rows rows = RowsOf(x.shape(), x.dtype());
  const auto out = result.mutable_data<float>();
  const int64_t grain = std::max<int64_t>(1, 16384 / std::max<int64_t>(1, rows.length));
  ParallelForRange(rows.count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      kernels::DequantizeRow(x.dtype(), x.raw() + row * rows.bytes,
                             out.subspan(static_cast<size_t>(row * rows.length), static_cast<size_t>(rows.length)));
    }
  });
  return result;
}

Tensor Quantize(const Tensor& x, DType dtype, const QuantizeOptions& options) {
  Require(x.defined() && x.contiguous(), "{}: needs a contiguous tensor", options.name);
  Require(Info(x.dtype()).is_float || IsQuantized(x.dtype()), "{}: {} values are not weights", options.name,
          Name(x.dtype()));
  Require(kernels::CanQuantize(dtype), "{}: values cannot be written as {}", options.name, Name(dtype));
  const int64_t block = Info(dtype).block_size, length = x.rank() == 0 ? 1 : x.dim(-1);
  Require(length % block == 0, "{}: rows of {} values are not whole blocks of {} ({} values each)", options.name,
          length, Name(dtype), block);
  if (x.dtype() == dtype) return x;
  Tensor result = Tensor::Empty(x.shape(), dtype);
  const int64_t rows = RowsOf(x.shape(), dtype).count, safe_length = std::max<int64_t>(1, length);
  const int64_t grain = std::max<int64_t>(1, 8192 / safe_length);
  const int64_t rows_at_once = std::max<int64_t>(1, kValuesAtOnce / safe_length);
  for (int64_t first = 0; first < rows; first += rows_at_once) {
    const int64_t count = std::min(rows_at_once, rows - first);
    ParallelForRange(count, grain, [&](int64_t begin, int64_t end) {
      Workspace work(length);
      for (int64_t row = first + begin; row < first + end; ++row)
        QuantizeCheckedRow(x, row, result, work, options.name);
    });
    if (options.on_values) options.on_values(count * length);
  }
  return result;
}

}  // namespace tessera::weights
