#include "tessera/kernels/feed_forward.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/cpu/product_job.h"
#include "tessera/kernels/cpu/product_operand.h"
#include "tessera/kernels/gather.h"

namespace tessera::kernels {
namespace {

void Check(const Tensor& x, const FeedForwardWeights& w) {
  Require(x.rank() == 2 && x.dtype() == DType::kF32, "feed_forward: x is {} {}; it must be f32 [rows, inputs]",
          Name(x.dtype()), x.shape());
  Require(w.gate.rank() == 2 && w.gate.shape() == w.up.shape() && w.gate.dim(1) == x.dim(1),
          "feed_forward: x {}, gate {} and up {} do not fit", x.shape(), w.gate.shape(), w.up.shape());
  Require(w.down.rank() == 2 && w.down.dim(1) == w.gate.dim(0), "feed_forward: gate {} and down {} do not fit",
          w.gate.shape(), w.down.shape());
}

Tensor OneByOne(const Tensor& x, const FeedForwardWeights& w, ProductPrecision precision) {
  return Product(ProductSiluMul(x, w.gate, w.up, precision), w.down, precision);
}

// A part on its way: rows of x in, blocks of silu(gate) ∘ up between, rows of y out.
struct Stages {
  ProductOperand input, middle;
  ProductJob gate, up, down;
  bool same_input = false;  // as the part before
};

// The layer for `count` rows, if integers multiply all of it.
std::optional<Stages> InIntegers(const Tensor& x, int64_t count, const FeedForwardWeights& w,
                                 ProductPrecision precision) {
  if (count == 0 || w.down.numel() == 0 || w.gate.numel() == 0) return {};
  Stages s{.input = OperandFor(count, x.dtype(), w.gate, precision),
           .middle = OperandFor(count, DType::kF32, w.down, precision)};
  if (s.input.kind != ProductKind::kInteger || s.middle.kind != ProductKind::kInteger ||
      s.input.max_rows != s.middle.max_rows || !(s.input == OperandFor(count, x.dtype(), w.up, precision)))
    return {};
  s.gate.rows = s.up.rows = s.down.rows = count;
  AddWeight(w.gate, s.input, s.gate);
  AddWeight(w.up, s.input, s.up);
  AddWeight(w.down, s.middle, s.down);
  s.gate.block_format = s.middle.format;
  const bool fits = s.gate.chunk == s.gate.units && s.up.chunk == s.up.units;
  return fits && s.gate.w_unit_bytes == s.up.w_unit_bytes ? std::optional(std::move(s)) : std::nullopt;
}

// Memory for what the stages read, one part after the other, behind `before` bytes at the start; returns these.
std::byte* Place(std::span<Stages> stages, std::span<const RowChoice> chosen, int64_t before) {
  int64_t bytes = before;
  for (size_t i = 0; i < stages.size(); ++i) {
    Stages& s = stages[i];
    s.same_input = i > 0 && stages[i - 1].input == s.input && !chosen[i].all() &&
                   std::ranges::equal(chosen[i].listed, chosen[i - 1].listed);
    bytes += s.same_input ? 0 : s.input.bytes(s.gate.rows);
    bytes += s.middle.bytes(s.gate.rows);
  }
  std::byte* const start = ThreadScratch(Scratch::kActivations, bytes);
  std::byte* place = start + before;
  for (size_t i = 0; i < stages.size(); ++i) {
    Stages& s = stages[i];
    s.input.data = s.same_input ? stages[i - 1].input.data : place;
    if (!s.same_input) place += s.input.bytes(s.gate.rows);
    s.gate.x = s.up.x = s.input.data;
    s.gate.blocks = place;
    s.down.x = place;
    place += s.middle.bytes(s.gate.rows);
  }
  return start;
}

// What the stages read of x. Rows that several experts have chosen are rounded once, in groups of one row, and copied
// from there.
void ArrangeInputs(const Tensor& x, std::span<Stages> stages, std::span<const RowChoice> chosen) {
  int64_t rows = 0;
  bool alike = true;
  for (size_t i = 0; i < stages.size(); ++i) {
    rows += stages[i].gate.rows;
    alike = alike && stages[i].input == stages[0].input && !chosen[i].all();
  }
  const bool once = alike && rows >= 2 * x.dim(0) && stages.size() > 1;
  const ProductOperand& input = stages[0].input;
  std::byte* each = Place(stages, chosen, once ? input.bytes(x.dim(0)) : 0);
  if (once) GroupQuantizedRows(x, {}, 1, input.format, each);
  const auto arrange = [&](int64_t i) {
    const Stages& s = stages[static_cast<size_t>(i)];
    const RowChoice& own = chosen[static_cast<size_t>(i)];
    std::byte* to = const_cast<std::byte*>(s.input.data);
    if (s.same_input) return;
    if (once)
      RegroupQuantizedRows(each, s.input.units, own.listed, s.input.max_rows, s.input.format, to);
    else
      Arrange(x, own, s.input, to);
  };
  if (stages.size() == 1 || rows < 16) {
    for (int64_t i = 0; i < std::ssize(stages); ++i) arrange(i);
  } else {
    ParallelFor(std::ssize(stages), arrange);
  }
}

// All stages: each loop over everything that its threads can do at once.
void Run(const Tensor& x, std::span<Stages> stages, std::span<const RowChoice> chosen) {
  if (stages.empty()) return;
  ArrangeInputs(x, stages, chosen);
  std::vector<ProductJob> gated, down;
  for (Stages& s : stages) {
    s.gate.up = &s.up;
    gated.push_back(std::move(s.gate));
    down.push_back(std::move(s.down));
  }
  RunProductJobs(gated);
  RunProductJobs(down);
}

}  // namespace

Tensor ProductSwiGlu(const Tensor& x, const FeedForwardWeights& weights, ProductPrecision precision) {
  Check(x, weights);
  std::optional<Stages> stages = InIntegers(x, x.dim(0), weights, precision);
  if (!stages) return OneByOne(x, weights, precision).To(DType::kF32);
  Tensor y = Tensor::Empty({x.dim(0), weights.down.dim(0)});
  stages->down.y = y.mutable_data<float>().data();
  const RowChoice all;
  Run(x, {&*stages, 1}, {&all, 1});
  return y;
}

Tensor ProductSwiGluEach(const Tensor& x, std::span<const FeedForwardPart> parts, ProductPrecision precision) {
  Require(!parts.empty(), "feed_forward: no parts");
  const int64_t outputs = parts[0].weights.down.dim(0);
  int64_t count = 0;
  for (const FeedForwardPart& part : parts) {
    Check(x, part.weights);
    Require(part.weights.down.dim(0) == outputs, "feed_forward: parts have {} and {} outputs", outputs,
            part.weights.down.dim(0));
    for (const int64_t row : part.rows)
      Require(row >= 0 && row < x.dim(0), "feed_forward: row {} of {}", row, x.dim(0));
    count += std::ssize(part.rows);
  }
  Tensor y = Tensor::Empty({count, outputs});
  float* out = y.mutable_data<float>().data();
  std::vector<Stages> stages;
  std::vector<RowChoice> chosen;
  for (const FeedForwardPart& part : parts) {
    const int64_t rows = std::ssize(part.rows);
    if (std::optional<Stages> own = InIntegers(x, rows, part.weights, precision)) {
      own->down.y = out;
      stages.push_back(std::move(*own));
      chosen.push_back({part.rows});
    } else if (rows > 0) {
      const Tensor result = OneByOne(GatherRows(x, part.rows), part.weights, precision).To(DType::kF32);
      std::memcpy(out, result.raw(), static_cast<size_t>(result.bytes()));
    }
    out += rows * outputs;
  }
  Run(x, stages, chosen);
  return y;
}

}  // namespace tessera::kernels
