#include "tessera/kernels/packed_weight.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "tessera/core/mapped_file.h"
#include "tessera/core/thread_pool.h"
#include "tessera/kernels/cpu/product_job.h"
#include "tessera/kernels/panel_layout.h"
#include "tessera/kernels/panel_records.h"
#include "tessera/kernels/quant_rows.h"

namespace tessera::kernels {
namespace {

// Of a weight, read from its file at a time: with the panels that become of it, it stays in a core's L2 cache.
constexpr int64_t kStripeBytes = int64_t{256} << 10;

// The rows of a weight that make a panel, wherever they lie.
struct PanelRows {
  DType dtype = DType::kF32;
  const std::byte* first = nullptr;
  int64_t row_bytes = 0, value_bytes = 0;  // from one to the next; the second is of float dtypes
  int lanes = 0;                           // as many as the weight has, 16 at most

  PanelSource Source(int64_t begin) const {  // from value `begin` on
    PanelSource rows = {};
    for (int lane = 0; lane < lanes; ++lane)
      rows[static_cast<size_t>(lane)] = first + lane * row_bytes + begin * value_bytes;
    return rows;
  }
};

PanelRows RowsOf(const Tensor& weight, int64_t panel) {
  const int64_t first = panel * kPanelRows;
  PanelRows rows;
  rows.dtype = weight.dtype();
  rows.lanes = static_cast<int>(std::min<int64_t>(kPanelRows, weight.dim(0) - first));
  if (HasIntegerPanels(rows.dtype)) {
    rows.row_bytes = BytesFor(rows.dtype, weight.dim(1));
  } else {
    rows.value_bytes = weight.stride(1) * Info(rows.dtype).block_bytes;
    rows.row_bytes = weight.stride(0) * Info(rows.dtype).block_bytes;
  }
  rows.first = weight.raw() + first * rows.row_bytes;
  return rows;
}

// Where value k of lane `lane` lies in a float panel, counted in values.
int64_t FloatPlace(DType dtype, int64_t k, int lane) {
  return dtype == DType::kBF16 ? k / 2 * 2 * kPanelRows + 2 * lane + k % 2 : k * kPanelRows + lane;
}

// Values begin … end - 1 of K, one by one: some rows are missing, or their values are not neighbours.
template <typename Bits>
void PackFloatsOneByOne(const PanelRows& rows, int64_t begin, int64_t end, Bits* out) {
  const bool pairs = rows.dtype == DType::kBF16;
  const PanelSource in = rows.Source(begin);
  const int64_t step = rows.value_bytes, count = end - begin;
  const auto read = [](const std::byte* from) {
    Bits bits;
    std::memcpy(&bits, from, sizeof(Bits));
    return bits;
  };
  if (rows.lanes < kPanelRows || (pairs && count % 2 != 0))
    std::fill_n(out, (pairs ? (count + 1) / 2 * 2 : count) * kPanelRows, Bits{0});
  if (!pairs && rows.row_bytes == sizeof(Bits)) {  // a transposed weight: sixteen rows are neighbours already
    for (int64_t k = 0; k < count; ++k)
      std::memcpy(out + k * kPanelRows, in[0] + k * step, static_cast<size_t>(rows.lanes) * sizeof(Bits));
    return;
  }
  constexpr int64_t kTile = 16;  // of K: one cache line of each row at a time
  for (int64_t k0 = 0; k0 < count; k0 += kTile) {
    const int64_t k1 = std::min(count, k0 + kTile);
    for (int lane = 0; lane < rows.lanes; ++lane) {
      for (int64_t k = k0; k < k1; ++k)
        out[FloatPlace(rows.dtype, k, lane)] = read(in[static_cast<size_t>(lane)] + k * step);
    }
  }
}

void PackFloats(const PanelRows& rows, int64_t begin, int64_t end, std::byte* out) {
  const int64_t bytes = Info(rows.dtype).block_bytes, unit = rows.dtype == DType::kBF16 ? 2 : 1;
  int64_t whole = 0;  // values that make whole units, as many of every row
  if (rows.lanes == kPanelRows && rows.value_bytes == bytes) {
    whole = (end - begin) / unit * unit;
    InterleaveRows(rows.Source(begin), unit * bytes, whole / unit, out);
  }
  if (begin + whole == end) return;
  out += whole * bytes * kPanelRows;
  if (bytes == 4)
    PackFloatsOneByOne(rows, begin + whole, end, reinterpret_cast<uint32_t*>(out));
  else
    PackFloatsOneByOne(rows, begin + whole, end, reinterpret_cast<uint16_t*>(out));
}

void PackUnits(const PanelRows& rows, int64_t begin, int64_t end, std::byte* out) {
  if (HasIntegerPanels(rows.dtype))
    PackRecords(rows.dtype, rows.Source(0), begin, end, reinterpret_cast<uint8_t*>(out));
  else
    PackFloats(rows, begin, end, out);
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
  PackUnits(RowsOf(weight, panel), begin, end, out);
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
  // A stripe at a time: where the arena takes the weight over, its file is read, and the mapping stays untouched.
  // Threads take neighbouring stripes, as they will take the panels in products: each writes first what it will read.
  const bool read = arena != nullptr && weight.contiguous();
  const int64_t source_bytes = kPanelRows * BytesFor(weight.dtype(), inputs);
  const int64_t panels_each = std::max<int64_t>(1, kStripeBytes / source_bytes);
  ParallelForRange(panels, panels_each, [&](int64_t first, int64_t last) {
    const int64_t begin = first * source_bytes, end = std::min(weight.bytes(), last * source_bytes);
    const std::byte* source = weight.raw() + begin;
    // Products keep such a buffer anyway; none is at work now.
    if (read)
      source = ReadMapped({source, static_cast<size_t>(end - begin)}, ThreadScratch(Scratch::kTile, end - begin));
    if (read) ReleaseMappedPages({weight.raw() + begin, static_cast<size_t>(end - begin)});
    for (int64_t p = first; p < last; ++p) {
      PanelRows rows = RowsOf(weight, p);
      if (read) rows.first = source + (p - first) * source_bytes;
      PackUnits(rows, 0, units, storage.get() + p * panel_bytes);
    }
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
