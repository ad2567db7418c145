#include "tessera/nn/padded_hidden.h"

#include <cstring>

#include "tessera/weights/quantize_blocks.h"

namespace tessera::nn {
namespace {

constexpr int64_t kBlockValues = 32;

}  // namespace

int64_t PaddedHidden(const Scope& first, int64_t width) {
  if (!first.options().fastest() || width % kBlockValues == 0 || !first.Has("weight")) return width;
  if (!IsQuantized(first.StoredDType("weight"))) return width;
  return (width + kBlockValues - 1) / kBlockValues * kBlockValues;
}

Tensor PadWithZeros(const Tensor& value, const Shape& shape) {
  if (value.shape() == shape) return value;
  const bool wider = value.rank() == 2 && value.dim(1) != shape[1];
  Require(!wider || !IsQuantized(value.dtype()), "model: a weight of {} columns in {} cannot have {}", value.dim(-1),
          Name(value.dtype()), shape[-1]);
  const Tensor rows = value.Contiguous();
  Tensor padded = Tensor::Zeros(shape, value.dtype());
  const int64_t count = value.rank() == 2 ? value.dim(0) : 1;
  const int64_t bytes = BytesFor(value.dtype(), value.dim(-1)), step = BytesFor(value.dtype(), shape[-1]);
  std::byte* to = padded.mutable_raw();
  for (int64_t r = 0; r < count; ++r) std::memcpy(to + r * step, rows.raw() + r * bytes, static_cast<size_t>(bytes));
  return wider ? weights::Quantize(padded, DType::kQ8_0) : padded;
}

}  // namespace tessera::nn
