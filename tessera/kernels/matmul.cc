#include "tessera/kernels/matmul.h"

#include <algorithm>
#include <vector>

#include "tessera/kernels/activation.h"
#include "tessera/kernels/cpu/product_activations.h"
#include "tessera/kernels/cpu/product_job.h"
#include "tessera/kernels/packed_weight.h"

namespace tessera::kernels {
namespace {

// What one product is made of: which inner loops, hence how x and w must lie.
enum class Kind { kFloat, kBf16, kInteger };

Kind KindOf(const Tensor& a, const Tensor& b, ProductPrecision precision) {
  const bool fast = precision == ProductPrecision::kFast;
  if (fast && HasIntegerPanels(b.dtype())) return Kind::kInteger;
  const bool pairs = b.dtype() == DType::kBF16 && (a.dtype() == DType::kBF16 || (fast && a.dtype() == DType::kF32));
  return pairs && LiveBf16Kernels() != nullptr ? Kind::kBf16 : Kind::kFloat;
}

// Units of K that are worked on at a time: a panel's tile of so many must leave room in the L2 cache for a few more.
constexpr int64_t kFloatChunk = 1024, kPairChunk = 2048, kRecordChunk = 128;

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

// The rows of a product's x as its inner loops read them.
struct Operand {
  Kind kind;
  PanelFormat format;  // of integer products
  int64_t units, unit_bytes;
  int max_rows;
  const std::byte* data = nullptr;

  int64_t bytes(int64_t rows) const { return (rows * units * unit_bytes + 63) / 64 * 64; }
  bool operator==(const Operand& o) const {
    return kind == o.kind && unit_bytes == o.unit_bytes && format.minimum == o.format.minimum &&
           format.parts == o.format.parts && (format.minimum || format.zero == o.format.zero);
  }
};

Operand OperandFor(const Tensor& a, const Tensor& b, ProductPrecision precision) {
  const int64_t inputs = a.dim(1);
  switch (const Kind kind = KindOf(a, b, precision)) {
    case Kind::kFloat:
      return {kind, {}, inputs, 4, LiveFloatKernels().max_rows};
    case Kind::kBf16:
      return {kind, {}, (inputs + 1) / 2, 4, LiveBf16Kernels()->max_rows};
    default: {
      const PanelFormat format = PanelFormatOf(b.dtype());
      const IntegerKernels& kernels = LiveIntegerKernels();
      const bool pairs = kernels.pair_rows > 0 && a.dim(0) > kernels.max_rows;
      return {kind, format, inputs / kBlockValues, XBlockBytes(format), pairs ? kernels.pair_rows : kernels.max_rows};
    }
  }
}

void Arrange(const Tensor& a, const Operand& operand, std::byte* out) {
  switch (operand.kind) {
    case Kind::kFloat:
      return GroupFloatRows(a, operand.max_rows, out);
    case Kind::kBf16:
      return GroupBf16Rows(a, operand.max_rows, out);
    case Kind::kInteger:
      return GroupQuantizedRows(a, operand.max_rows, operand.format, out);
  }
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
  job.chunk = std::min(job.units, kPairChunk);
  job.w_unit_bytes = 4 * kPanelRows;  // counted for packed panels too: as many as fit the L2 cache are used at a time
  job.kernels = LiveBf16Kernels()->multiply.data();
  job.pair_kernels = LiveBf16Kernels()->multiply_pair.data();
  job.panel = [&b](int64_t panel, int64_t begin, int64_t end, std::byte* scratch) -> const std::byte* {
    if (b.packed()) return b.raw() + PanelsOffset(b, panel) + begin * 64;
    PackPanel(b, panel, 2 * begin, std::min(2 * end, b.dim(1)), scratch);
    return scratch;
  };
}

// Few rows unpack a packed panel in registers; more rows share a tile of it.
void AddIntegerWeight(const Tensor& b, ProductJob& job) {
  const PanelFormat format = PanelFormatOf(b.dtype());
  const IntegerFormatKernels& kernels = LiveIntegerKernels().formats[static_cast<size_t>(b.dtype())];
  const bool direct = b.packed() && job.rows <= kMostDirectRows && job.rows <= job.max_rows &&
                      kernels.multiply_packed[static_cast<size_t>(job.rows - 1)] != nullptr;
  job.chunk = direct ? job.units : std::min(job.units, kRecordChunk);
  job.w_unit_bytes = direct ? 0 : TileRecordBytes(format);
  job.kernels = direct ? kernels.multiply_packed.data() : kernels.multiply_tile.data();
  if (job.max_rows == LiveIntegerKernels().pair_rows) job.pair_kernels = kernels.multiply_tile_pair.data();
  if (direct) {
    job.panels = b.raw();
    job.panel_bytes = PanelsOffset(b, 1);
    return;
  }
  job.panel = [&b, &kernels, format](int64_t panel, int64_t begin, int64_t end, std::byte* scratch) {
    const std::byte* packed;
    if (b.packed()) {
      packed = b.raw() + PanelsOffset(b, panel) + format.offset(begin);
    } else {
      std::byte* own = ThreadScratch(Scratch::kPacked, format.panel_bytes(end - begin));
      PackPanel(b, panel, begin, end, own);
      packed = own;
    }
    kernels.unpack(reinterpret_cast<const uint8_t*>(packed), end - begin, reinterpret_cast<uint8_t*>(scratch));
    return static_cast<const std::byte*>(scratch);
  };
}

void Check(const Tensor& a, const Tensor& b) {
  Require(a.rank() == 2 && b.rank() == 2 && a.dim(1) == b.dim(1), "product: {} and {} do not share their last axis",
          a.shape(), b.shape());
  Require(Info(a.dtype()).is_float && !a.packed(), "product: {} values cannot be multiplied", Name(a.dtype()));
  Require(Info(b.dtype()).is_float || IsQuantized(b.dtype()), "product: {} weights cannot be multiplied",
          Name(b.dtype()));
}

void AddWeight(const Tensor& b, const Operand& operand, ProductJob& job) {
  job.x = operand.data;
  job.units = operand.units;
  job.max_rows = operand.max_rows;
  job.x_unit_bytes = operand.unit_bytes;
  job.outputs = b.dim(0);
  if (operand.kind == Kind::kFloat) AddFloatWeight(b, job);
  if (operand.kind == Kind::kBf16) AddBf16Weight(b, job);
  if (operand.kind == Kind::kInteger) AddIntegerWeight(b, job);
}

// One job for every weight that the inner loops multiply; the others are done at once.
void Multiply(const Tensor& a, std::span<const Tensor> weights, ProductPrecision precision, std::span<Tensor> results) {
  std::vector<Operand> operands;  // the different ones
  std::vector<size_t> operand_of;
  std::vector<ProductJob> jobs;
  std::vector<const Tensor*> multiplied;
  int64_t bytes = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    const Tensor& b = weights[i];
    Check(a, b);
    if (a.dtype() == DType::kF64 || b.dtype() == DType::kF64) {
      results[i] = reference::Product(a, b);
      continue;
    }
    if (a.numel() == 0 || b.numel() == 0) {
      results[i] = Tensor::Zeros({a.dim(0), b.dim(0)});
      continue;
    }
    results[i] = Tensor::Empty({a.dim(0), b.dim(0)});
    const Operand operand = OperandFor(a, b, precision);
    const auto same = std::find(operands.begin(), operands.end(), operand);
    operand_of.push_back(static_cast<size_t>(same - operands.begin()));
    if (same == operands.end()) {
      operands.push_back(operand);
      bytes += operand.bytes(a.dim(0));
    }
    multiplied.push_back(&b);
    jobs.push_back({.rows = a.dim(0), .y = results[i].mutable_data<float>().data()});
  }
  std::byte* place = ThreadScratch(Scratch::kActivations, bytes);
  for (Operand& operand : operands) {
    Arrange(a, operand, place);
    operand.data = place;
    place += operand.bytes(a.dim(0));
  }
  for (size_t j = 0; j < jobs.size(); ++j) AddWeight(*multiplied[j], operands[operand_of[j]], jobs[j]);
  RunProductJobs(jobs);
}

}  // namespace

Tensor Product(const Tensor& a, const Tensor& b, ProductPrecision precision) {
  Tensor y;
  Multiply(a, {&b, 1}, precision, {&y, 1});
  return y;
}

std::vector<Tensor> Products(const Tensor& a, std::span<const Tensor> weights, ProductPrecision precision) {
  std::vector<Tensor> results(weights.size());
  Multiply(a, weights, precision, results);
  return results;
}

Tensor ProductSiluMul(const Tensor& a, const Tensor& gate, const Tensor& up, ProductPrecision precision) {
  Check(a, gate);
  Check(a, up);
  Require(a.dtype() == DType::kF32 && gate.shape() == up.shape(),
          "product_silu_mul: a is {}, gate {} and up {}; a must be f32 and the weights alike", Name(a.dtype()),
          gate.shape(), up.shape());
  const bool plain = a.numel() == 0 || gate.numel() == 0 || gate.dtype() == DType::kF64 || up.dtype() == DType::kF64;
  if (Operand operand; !plain && (operand = OperandFor(a, gate, precision)) == OperandFor(a, up, precision)) {
    Tensor y = Tensor::Empty({a.dim(0), gate.dim(0)});
    ProductJob job{.rows = a.dim(0), .y = y.mutable_data<float>().data()}, up_job{.rows = a.dim(0)};
    std::byte* x = ThreadScratch(Scratch::kActivations, operand.bytes(a.dim(0)));
    operand.data = x;
    AddWeight(gate, operand, job);
    AddWeight(up, operand, up_job);
    if (job.chunk == job.units && up_job.chunk == up_job.units && job.w_unit_bytes == up_job.w_unit_bytes) {
      Arrange(a, operand, x);
      job.up = &up_job;
      RunProductJobs({&job, 1});
      return y;
    }
  }
  const std::vector<Tensor> both = Products(a, std::vector<Tensor>{gate, up}, precision);
  return SiluMul(both[0], both[1]);
}

}  // namespace tessera::kernels
