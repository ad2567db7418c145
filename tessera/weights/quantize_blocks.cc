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

void QuantizeCheckedRow(DType dtype, std::span<const float> in, std::byte* out, std::span<float> scratch,
                        const std::string& name, int64_t row) {
  if (!AllFinite(in)) {
    const auto bad = std::ranges::find_if(in, [](float x) { return !std::isfinite(x); });
    Fail("{}: value {} of row {} is {}; {} has no such value. Is the checkpoint damaged?", name, bad - in.begin(), row,
         *bad, Name(dtype));
  }
  kernels::QuantizeRow(dtype, in, out);
  kernels::DequantizeRow(dtype, out, scratch);
  if (!AllFinite(scratch)) {
    const float largest = *std::ranges::max_element(in, [](float a, float b) { return std::fabs(a) < std::fabs(b); });
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
  Require(x.defined() && x.contiguous() && x.dtype() == DType::kF32, "{}: needs a contiguous f32 tensor", options.name);
  Require(kernels::CanQuantize(dtype), "{}: values cannot be written as {}", options.name, Name(dtype));
  const int64_t block = Info(dtype).block_size;
  Require(x.rank() > 0 || block == 1, "{}: one value is not a block of {}", options.name, Name(dtype));
  Require(x.rank() == 0 || x.dim(-1) % block == 0, "{}: rows of {} values are not whole blocks of {} ({} values each)",
          options.name, x.rank() == 0 ? 1 : x.dim(-1), Name(dtype), block);
  Tensor result = Tensor::Empty(x.shape(), dtype);
  const Rows rows = RowsOf(x.shape(), dtype);
  const auto in = x.data<float>();
  std::byte* out = result.mutable_raw();
  const auto length = static_cast<size_t>(rows.length);
  const int64_t grain = std::max<int64_t>(1, 8192 / std::max<int64_t>(1, rows.length));
  const int64_t rows_at_once = std::max<int64_t>(1, kValuesAtOnce / std::max<int64_t>(1, rows.length));
  for (int64_t first = 0; first < rows.count; first += rows_at_once) {
    const int64_t count = std::min(rows_at_once, rows.count - first);
    ParallelForRange(count, grain, [&](int64_t begin, int64_t end) {
      std::vector<float> scratch(length);
      for (int64_t row = first + begin; row < first + end; ++row) {
        QuantizeCheckedRow(dtype, in.subspan(static_cast<size_t>(row) * length, length), out + row * rows.bytes,
                           scratch, options.name, row);
      }
    });
    if (options.on_values) options.on_values(count * rows.length);
  }
  return result;
}

}  // namespace tessera::weights
