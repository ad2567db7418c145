#include "tessera/kernels/cpu/product_operand.h"

#include <algorithm>

#include "tessera/kernels/packed_weight.h"

namespace tessera::kernels {
namespace {

ProductKind KindOf(DType a, const Tensor& b, ProductPrecision precision) {
  const bool fast = precision == ProductPrecision::kFast;
  if (fast && HasIntegerPanels(b.dtype())) return ProductKind::kInteger;
  const bool pairs = b.dtype() == DType::kBF16 && (a == DType::kBF16 || (fast && a == DType::kF32));
  return pairs && LiveBf16Kernels() != nullptr ? ProductKind::kBf16 : ProductKind::kFloat;
}

// Units of K that are worked on at a time: a panel's tile of so many must leave room in the L2 cache for a few more.
constexpr int64_t kFloatChunk = 1024, kPairChunk = 2048, kRecordChunk = 128;
// Where sums must be finished, and so never leave the caches, all of so large a K is one chunk.
constexpr int64_t kMostFinishedPairs = 4480, kMostFinishedRecords = 560;

int64_t PanelsOffset(const Tensor& b, int64_t panel) { return panel * PanelBytes(b.dtype(), b.dim(1)); }

// A float panel in f32, from any dtype.
const std::byte* FloatPanel(const Tensor& b, int64_t panel, int64_t begin, int64_t end, std::byte* scratch) {
  const int64_t count = end - begin, inputs = b.dim(1);
  if (IsQuantized(b.dtype())) {  // whole rows at a time (begin is 0), then sixteen lanes side by side
    const int64_t first = panel * kPanelRows, rows = std::min<int64_t>(kPanelRows, b.dim(0) - first);
    float* values = reinterpret_cast<float*>(ThreadScratch(Scratch::kPacked, rows * inputs * 4));
    ReadWeightRows(b, first, first + rows, {values, static_cast<size_t>(rows * inputs)});
    float* out = reinterpret_cast<float*>(scratch);
    for (int64_t k = 0; k < inputs; ++k) {
      for (int64_t r = 0; r < kPanelRows; ++r) out[k * kPanelRows + r] = r < rows ? values[r * inputs + k] : 0.0f;
    }
    return scratch;
  }
  const int64_t value_bytes = Info(b.dtype()).block_bytes * kPanelRows;
  const std::byte* packed = b.packed() ? b.raw() + PanelsOffset(b, panel) + begin * value_bytes : nullptr;
  if (b.dtype() == DType::kF32) {
    if (packed != nullptr) return packed;
    PackPanel(b, panel, begin, end, scratch);
    return scratch;
  }
  if (packed == nullptr) {
    std::byte* own = ThreadScratch(Scratch::kPacked, (count + 1) * value_bytes);
    PackPanel(b, panel, begin, end, own);
    packed = own;
  }
  const auto widen = b.dtype() == DType::kBF16 ? LiveFloatKernels().widen_bf16 : LiveFloatKernels().widen_f16;
  const int64_t values = b.dtype() == DType::kBF16 ? count : count * kPanelRows;
  widen(reinterpret_cast<const uint16_t*>(packed), values, reinterpret_cast<float*>(scratch));
  return scratch;
}

void AddFloatWeight(const Tensor& b, ProductJob& job) {
  job.chunk = IsQuantized(b.dtype()) ? job.units : std::min(job.units, kFloatChunk);
  job.w_unit_bytes = 4 * kPanelRows;
  const FloatKernels& kernels = LiveFloatKernels();
  job.kernels = kernels.multiply.data();
  if (kernels.multiply_pair[0] != nullptr) job.pair_kernels = kernels.multiply_pair.data();
  job.panel = [&b](int64_t panel, int64_t begin, int64_t end, std::byte* scratch) {
    return FloatPanel(b, panel, begin, end, scratch);
  };
}

void AddBf16Weight(const Tensor& b, ProductJob& job) {
  const bool whole = job.finish.y != nullptr && job.units <= kMostFinishedPairs;
  job.chunk = whole ? job.units : std::min(job.units, kPairChunk);
  job.w_unit_bytes = 4 * kPanelRows;  // counted for packed panels too: as many as fit the L2 cache are used at a time
  job.kernels = LiveBf16Kernels()->multiply.data();
  job.pair_kernels = LiveBf16Kernels()->multiply_pair.data();
  job.panel = [&b](int64_t panel, int64_t begin, int64_t end, std::byte* scratch) -> const std::byte* {
    if (b.packed()) return b.raw() + PanelsOffset(b, panel) + begin * 64;
    PackPanel(b, panel, 2 * begin, std::min(2 * end, b.dim(1)), scratch);
    return scratch;
  };
}

// Reads a panel's rows from end to end before they are read side by side: a core follows one stream through memory
// twice as fast as sixteen.
void BringPanel(const Tensor& b, int64_t panel) {
  if (!b.contiguous()) return;
  const int64_t row_bytes = BytesFor(b.dtype(), b.dim(1)), first = panel * kPanelRows;
  const std::byte* rows = b.raw() + first * row_bytes;
  const int64_t bytes = std::min<int64_t>(kPanelRows, b.dim(0) - first) * row_bytes;
  for (int64_t at = 0; at < bytes; at += 64) static_cast<void>(*static_cast<const volatile std::byte*>(rows + at));
}

// Few rows unpack a packed panel in registers; more rows share a tile of it.
void AddIntegerWeight(const Tensor& b, ProductJob& job) {
  const PanelFormat format = PanelFormatOf(b.dtype());
  const IntegerFormatKernels& kernels = LiveIntegerKernels().formats[static_cast<size_t>(b.dtype())];
  const bool direct = job.rows <= kMostDirectRows && job.rows <= job.max_rows &&
                      kernels.multiply_packed[static_cast<size_t>(job.rows - 1)] != nullptr;
  const bool whole = direct || (job.finish.y != nullptr && job.units <= kMostFinishedRecords);
  job.chunk = whole ? job.units : std::min(job.units, kRecordChunk);
  job.kernels = direct ? kernels.multiply_packed.data() : kernels.multiply_tile.data();
  if (job.max_rows == LiveIntegerKernels().pair_rows) job.pair_kernels = kernels.multiply_tile_pair.data();
  if (direct && b.packed()) {
    job.w_unit_bytes = 0;
    job.panels = b.raw();
    job.panel_bytes = PanelsOffset(b, 1);
    return;
  }
  job.w_unit_bytes = direct ? format.panel_bytes(kSuperRecords) / kSuperRecords : TileRecordBytes(format);
  job.panel = [&b, &kernels, format, direct](int64_t panel, int64_t begin, int64_t end, std::byte* scratch) {
    const std::byte* packed;
    if (b.packed()) {
      packed = b.raw() + PanelsOffset(b, panel) + format.offset(begin);
    } else {
      std::byte* own = direct ? scratch : ThreadScratch(Scratch::kPacked, format.panel_bytes(end - begin));
      if (end - begin == b.dim(1) / kBlockValues) BringPanel(b, panel);
      PackPanel(b, panel, begin, end, own);
      packed = own;
    }
    if (direct) return packed;
    kernels.unpack(reinterpret_cast<const uint8_t*>(packed), end - begin, reinterpret_cast<uint8_t*>(scratch));
    return static_cast<const std::byte*>(scratch);
  };
}

}  // namespace

ProductOperand OperandFor(int64_t rows, DType x, const Tensor& b, ProductPrecision precision) {
  const int64_t inputs = b.dim(1);
  switch (const ProductKind kind = KindOf(x, b, precision)) {
    case ProductKind::kFloat:
      return {kind, {}, inputs, 4, LiveFloatKernels().max_rows};
    case ProductKind::kBf16:
      return {kind, {}, (inputs + 1) / 2, 4, LiveBf16Kernels()->max_rows};
    default: {
      const PanelFormat format = PanelFormatOf(b.dtype());
      const IntegerKernels& kernels = LiveIntegerKernels();
      const bool pairs = kernels.pair_rows > 0 && rows > kernels.max_rows;
      return {kind, format, inputs / kBlockValues, XBlockBytes(format), pairs ? kernels.pair_rows : kernels.max_rows};
    }
  }
}

void Arrange(const Tensor& x, const RowChoice& chosen, const ProductOperand& operand, std::byte* out) {
  switch (operand.kind) {
    case ProductKind::kFloat:
      return GroupFloatRows(x, chosen, operand.max_rows, out);
    case ProductKind::kBf16:
      return GroupBf16Rows(x, chosen, operand.max_rows, out);
    case ProductKind::kInteger:
      return GroupQuantizedRows(x, chosen, operand.max_rows, operand.format, out);
  }
}

void AddWeight(const Tensor& b, const ProductOperand& operand, ProductJob& job) {
  job.x = operand.data;
  job.units = operand.units;
  job.max_rows = operand.max_rows;
  job.x_unit_bytes = operand.unit_bytes;
  job.outputs = b.dim(0);
  if (b.packed()) {
    job.stored = b.raw();
    job.stored_panel_bytes = PanelsOffset(b, 1);
  }
  if (operand.kind == ProductKind::kFloat) AddFloatWeight(b, job);
  if (operand.kind == ProductKind::kBf16) AddBf16Weight(b, job);
  if (operand.kind == ProductKind::kInteger) AddIntegerWeight(b, job);
  if (job.chunk != job.units) job.finish = {};
}

}  // namespace tessera::kernels
