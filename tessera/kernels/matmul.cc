#include "tessera/kernels/matmul.h"

#include <algorithm>

#include "tessera/kernels/cpu/product_activations.h"
#include "tessera/kernels/cpu/product_job.h"
#include "tessera/kernels/packed_weight.h"

namespace tessera::kernels {
namespace {

// What one product is made of: which inner loops, hence how x and w must lie.
enum class Kind { kFloat, kBf16, kInteger };

Kind KindOf(const Tensor& a, const Tensor& b, ProductPrecision precision) {
  if (precision == ProductPrecision::kFast && HasIntegerPanels(b.dtype())) return Kind::kInteger;
  const bool both_bf16 = a.dtype() == DType::kBF16 && b.dtype() == DType::kBF16;
  return both_bf16 && LiveBf16Kernels() != nullptr ? Kind::kBf16 : Kind::kFloat;
}

// Pieces of K, in units, that keep a group of x rows in the L1 cache and a panel's tile beside it.
constexpr int64_t kFloatChunk = 384, kPairChunk = 512, kRecordChunk = 32;

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

JobWeight FloatWeight(const Tensor& b) {
  return {.kernels = LiveFloatKernels().multiply.data(),
          .panel = [b](int64_t panel, int64_t begin, int64_t end, std::byte* scratch) {
            return FloatPanel(b, panel, begin, end, scratch);
          }};
}

JobWeight Bf16Weight(const Tensor& b) {
  return {.kernels = LiveBf16Kernels()->multiply.data(),
          .panel = [b](int64_t panel, int64_t begin, int64_t end, std::byte* scratch) -> const std::byte* {
            if (b.packed()) return b.raw() + PanelsOffset(b, panel) + begin * 64;
            PackPanel(b, panel, 2 * begin, std::min(2 * end, b.dim(1)), scratch);
            return scratch;
          }};
}

// Few rows unpack a packed panel in registers; more rows share a tile of it.
JobWeight IntegerWeight(const Tensor& b, bool direct) {
  const IntegerFormatKernels& kernels = LiveIntegerKernels().formats[static_cast<size_t>(b.dtype())];
  return {.kernels = direct ? kernels.multiply_packed.data() : kernels.multiply_tile.data(),
          .panel = [b, direct, &kernels](int64_t panel, int64_t begin, int64_t end, std::byte* scratch) {
            const PanelFormat format = PanelFormatOf(b.dtype());
            const std::byte* packed;
            if (b.packed()) {
              packed = b.raw() + PanelsOffset(b, panel) + format.offset(begin);
            } else {
              std::byte* own = ThreadScratch(Scratch::kPacked, format.panel_bytes(end - begin));
              PackPanel(b, panel, begin, end, own);
              packed = own;
            }
            if (direct && b.packed()) return packed;
            kernels.unpack(reinterpret_cast<const uint8_t*>(packed), end - begin, reinterpret_cast<uint8_t*>(scratch));
            return static_cast<const std::byte*>(scratch);
          }};
}

void RunFloat(const Tensor& a, const Tensor& b, ProductJob& job) {
  job.units = a.dim(1);
  job.chunk = IsQuantized(b.dtype()) ? job.units : std::min(job.units, kFloatChunk);
  job.max_rows = LiveFloatKernels().max_rows;
  job.x_unit_bytes = 4;
  job.w_unit_bytes = 4 * kPanelRows;
  std::byte* x = ThreadScratch(Scratch::kActivations, a.numel() * 4);
  GroupFloatRows(a, job.max_rows, x);
  job.x = x;
  job.weights.push_back(FloatWeight(b));
}

void RunBf16(const Tensor& a, const Tensor& b, ProductJob& job) {
  job.units = (a.dim(1) + 1) / 2;
  job.chunk = std::min(job.units, kPairChunk);
  job.max_rows = LiveBf16Kernels()->max_rows;
  job.x_unit_bytes = 4;
  job.w_unit_bytes = 4 * kPanelRows;
  std::byte* x = ThreadScratch(Scratch::kActivations, a.dim(0) * job.units * 4);
  GroupBf16Rows(a, job.max_rows, x);
  job.x = x;
  job.weights.push_back(Bf16Weight(b));
}

void RunInteger(const Tensor& a, const Tensor& b, ProductJob& job) {
  const PanelFormat format = PanelFormatOf(b.dtype());
  const IntegerKernels& kernels = LiveIntegerKernels();
  const int64_t rows = a.dim(0);
  const auto& direct_kernels = kernels.formats[static_cast<size_t>(b.dtype())].multiply_packed;
  const bool direct = b.packed() && rows <= kMostDirectRows && rows <= kernels.max_rows &&
                      direct_kernels[static_cast<size_t>(rows - 1)] != nullptr;
  job.units = a.dim(1) / kBlockValues;
  job.chunk = direct ? job.units : std::min(job.units, kRecordChunk);
  job.max_rows = kernels.max_rows;
  job.x_unit_bytes = XBlockBytes(format);
  job.w_unit_bytes = direct ? 0 : TileRecordBytes(format);
  std::byte* x = ThreadScratch(Scratch::kActivations, rows * job.units * job.x_unit_bytes);
  GroupQuantizedRows(a, kernels, format, x);
  job.x = x;
  job.weights.push_back(IntegerWeight(b, direct));
}

void Check(const Tensor& a, const Tensor& b) {
  Require(a.rank() == 2 && b.rank() == 2 && a.dim(1) == b.dim(1), "product: {} and {} do not share their last axis",
          a.shape(), b.shape());
  Require(Info(a.dtype()).is_float && !a.packed(), "product: {} values cannot be multiplied", Name(a.dtype()));
  Require(Info(b.dtype()).is_float || IsQuantized(b.dtype()), "product: {} weights cannot be multiplied",
          Name(b.dtype()));
}

}  // namespace

Tensor Product(const Tensor& a, const Tensor& b, ProductPrecision precision) {
  Check(a, b);
  if (a.dtype() == DType::kF64 || b.dtype() == DType::kF64) return reference::Product(a, b);
  if (a.numel() == 0 || b.numel() == 0) return Tensor::Zeros({a.dim(0), b.dim(0)});
  Tensor y = Tensor::Empty({a.dim(0), b.dim(0)});
  ProductJob job;
  job.rows = a.dim(0);
  switch (KindOf(a, b, precision)) {
    case Kind::kFloat:
      RunFloat(a, b, job);
      break;
    case Kind::kBf16:
      RunBf16(a, b, job);
      break;
    case Kind::kInteger:
      RunInteger(a, b, job);
      break;
  }
  job.weights[0].outputs = b.dim(0);
  job.weights[0].y = y.mutable_data<float>().data();
  RunProductJob(job);
  return y;
}

}  // namespace tessera::kernels
