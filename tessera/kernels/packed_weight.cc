#include "tessera/kernels/packed_weight.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "tessera/core/mapped_file.h"
#include "tessera/core/thread_pool.h"
#include "tessera/kernels/panel_layout.h"
#include "tessera/kernels/panel_records.h"
#include "tessera/kernels/quant_rows.h"

namespace tessera::kernels {
namespace {

// Of a file's mapping that is held beside the packed copy, by all threads together.
constexpr int64_t kStripeBytes = int64_t{4} << 20;

// Lanes of `panel` that hold rows of the weight.
int LanesOf(const Tensor& weight, int64_t panel) {
  return static_cast<int>(std::min<int64_t>(kPanelRows, weight.dim(0) - panel * kPanelRows));
}

// Where value k of lane `lane` lies in a float panel, counted in values.
int64_t FloatPlace(DType dtype, int64_t k, int lane) {
  return dtype == DType::kBF16 ? k / 2 * 2 * kPanelRows + 2 * lane + k % 2 : k * kPanelRows + lane;
}

template <typename Bits>
void PackFloatPanel(const Tensor& weight, int64_t panel, int64_t begin, int64_t end, Bits* out) {
  const bool pairs = weight.dtype() == DType::kBF16;
  const int lanes = LanesOf(weight, panel);
  const int64_t row_stride = weight.stride(0), col_stride = weight.stride(1), count = end - begin;
  const Bits* in = reinterpret_cast<const Bits*>(weight.raw()) + panel * kPanelRows * row_stride + begin * col_stride;
  if (lanes < kPanelRows || (pairs && count % 2 != 0))
    std::fill_n(out, (pairs ? (count + 1) / 2 * 2 : count) * kPanelRows, Bits{0});
  if (!pairs && row_stride == 1) {  // a transposed weight: sixteen rows are neighbours already
    for (int64_t k = 0; k < count; ++k) std::copy_n(in + k * col_stride, lanes, out + k * kPanelRows);
    return;
  }
  constexpr int64_t kTile = 16;  // of K: one cache line of each row at a time
  for (int64_t k0 = 0; k0 < count; k0 += kTile) {
    const int64_t k1 = std::min(count, k0 + kTile);
    for (int lane = 0; lane < lanes; ++lane) {
      for (int64_t k = k0; k < k1; ++k)
        out[FloatPlace(weight.dtype(), k, lane)] = in[lane * row_stride + k * col_stride];
    }
  }
}

void PackIntegerPanel(const Tensor& weight, int64_t panel, int64_t begin, int64_t end, uint8_t* out) {
  const int64_t row_bytes = BytesFor(weight.dtype(), weight.dim(1));
  PanelSource rows = {};
  for (int lane = 0; lane < LanesOf(weight, panel); ++lane)
    rows[static_cast<size_t>(lane)] = weight.raw() + (panel * kPanelRows + lane) * row_bytes;
  PackRecords(weight.dtype(), rows, begin, end, out);
}

// Row `row` of a packed weight as PackWeight found it.
void UnpackRow(const Tensor& packed, int64_t row, std::byte* out) {
  const DType dtype = packed.dtype();
  const int64_t inputs = packed.dim(1);
  const std::byte* panel = packed.raw() + row / kPanelRows * PanelBytes(dtype, inputs);
  const int lane = static_cast<int>(row % kPanelRows);
  if (HasIntegerPanels(dtype)) {
    for (int64_t i = 0; i < inputs / kBlockValues; ++i)
      WriteRowRecord(dtype, GetRecord(dtype, reinterpret_cast<const uint8_t*>(panel), i, lane), out, i);
    return;
  }
  const int64_t size = Info(dtype).block_bytes;
  for (int64_t k = 0; k < inputs; ++k)
    std::memcpy(out + k * size, panel + FloatPlace(dtype, k, lane) * size, static_cast<size_t>(size));
}

}  // namespace

void PackPanel(const Tensor& weight, int64_t panel, int64_t begin, int64_t end, std::byte* out) {
  if (HasIntegerPanels(weight.dtype()))
    PackIntegerPanel(weight, panel, begin, end, reinterpret_cast<uint8_t*>(out));
  else if (weight.dtype() == DType::kF32)
    PackFloatPanel(weight, panel, begin, end, reinterpret_cast<uint32_t*>(out));
  else
    PackFloatPanel(weight, panel, begin, end, reinterpret_cast<uint16_t*>(out));
}

Tensor PackWeight(const Tensor& weight, StorageArena* arena) {
  Require(weight.rank() == 2, "pack: a weight has two axes, not shape {}", weight.shape());
  if (weight.packed() || !(HasIntegerPanels(weight.dtype()) || HasFloatPanels(weight.dtype()))) return weight;
  const int64_t inputs = weight.dim(1), panels = PanelCount(weight.dim(0));
  const int64_t panel_bytes = PanelBytes(weight.dtype(), inputs);
  if (panels * panel_bytes == 0) return weight;
  const int64_t bytes = panels * panel_bytes;
  const auto storage = arena != nullptr ? arena->Take(bytes) : AllocateStorage(bytes);
  const int64_t units = HasIntegerPanels(weight.dtype()) ? inputs / kBlockValues : inputs;
  // A stripe at a time: where the arena takes the weight over, the mapping that it came from goes as the copy grows.
  // Threads take neighbouring stripes, as they will take the panels in products: each writes first what it will read.
  const int64_t row_bytes = BytesFor(weight.dtype(), inputs);
  const int64_t panels_each = std::max<int64_t>(1, kStripeBytes / (panel_bytes * ThreadCount()));
  ParallelForRange(panels, panels_each, [&](int64_t first, int64_t last) {
    for (int64_t p = first; p < last; ++p) PackPanel(weight, p, 0, units, storage.get() + p * panel_bytes);
    if (arena == nullptr || !weight.contiguous()) return;
    const int64_t begin = first * kPanelRows, end = std::min(weight.dim(0), last * kPanelRows);
    ReleaseMappedPages({weight.raw() + begin * row_bytes, static_cast<size_t>((end - begin) * row_bytes)});
  });
  return Tensor::Packed(storage, storage.get(), panels * panel_bytes, weight.shape(), weight.dtype());
}

Tensor UnpackWeight(const Tensor& packed) {
  if (!packed.packed()) return packed;
  Tensor weight = Tensor::Empty(packed.shape(), packed.dtype());
  std::byte* out = weight.mutable_raw();
  const int64_t row_bytes = BytesFor(packed.dtype(), packed.dim(1));
  ParallelForRange(packed.dim(0), kPanelRows, [&](int64_t begin, int64_t end) {
    std::memset(out + begin * row_bytes, 0, static_cast<size_t>((end - begin) * row_bytes));
    for (int64_t row = begin; row < end; ++row) UnpackRow(packed, row, out + row * row_bytes);
  });
  return weight;
}

void ReadWeightRows(const Tensor& weight, int64_t begin, int64_t end, std::span<float> out) {
  const int64_t inputs = weight.dim(1);
  Require(begin >= 0 && begin <= end && end <= weight.dim(0), "weight rows: {} to {} are not rows of {}", begin, end,
          weight.shape());
  Require(static_cast<int64_t>(out.size()) == (end - begin) * inputs, "weight rows: room for {} values, {} are needed",
          out.size(), (end - begin) * inputs);
  const int64_t row_bytes = BytesFor(weight.dtype(), inputs);
  std::vector<std::byte> unpacked(weight.packed() ? static_cast<size_t>(row_bytes) : 0);
  for (int64_t row = begin; row < end; ++row) {
    const std::byte* source = weight.packed() ? unpacked.data() : weight.raw() + row * row_bytes;
    if (weight.packed()) UnpackRow(weight, row, unpacked.data());
    DequantizeRow(weight.dtype(), source,
                  out.subspan(static_cast<size_t>((row - begin) * inputs), static_cast<size_t>(inputs)));
  }
}

}  // namespace tessera::kernels
