#include "tessera/kernels/head_product.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/cpu/product_job.h"
#include "tessera/kernels/cpu/product_operand.h"
#include "tessera/kernels/gather.h"

namespace tessera::kernels {
namespace {

void Check(const Tensor& x, std::span<const Tensor> weights, const Tensor& beside, DType dtype) {
  Require(x.rank() == 3 && x.dim(1) == std::ssize(weights) && !weights.empty(),
          "product of each head: x {} and {} weights; x must be [tokens, heads, inputs], a weight for each head",
          x.shape(), weights.size());
  for (const Tensor& w : weights)
    Require(w.rank() == 2 && w.dim(1) == x.dim(2) && w.dim(0) == weights[0].dim(0),
            "product of each head: weight {} beside {}, for x {}", w.shape(), weights[0].shape(), x.shape());
  Require(!beside.defined() || (beside.dtype() == dtype && beside.rank() == 3 && beside.dim(0) == x.dim(0) &&
                                beside.dim(1) == x.dim(1) && beside.contiguous()),
          "product of each head: the numbers beside those of x {} are not {} [tokens, heads, numbers] in order",
          x.shape(), Name(dtype));
}

// A head's numbers of `from` [T, H, P] behind its first `at` in y.
void PutBeside(const Tensor& from, int64_t at, Tensor& y) {
  const int64_t value = Info(y.dtype()).block_bytes, width = from.dim(2) * value, rows = from.dim(0) * from.dim(1);
  std::byte* to = y.mutable_raw() + at * value;
  ParallelForRange(rows, 1024, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      std::memcpy(to + r * y.dim(2) * value, from.raw() + r * width, static_cast<size_t>(width));
  });
}

// The rows of each head among those of x [T · H, K].
std::vector<std::vector<int64_t>> RowsOfHeads(const Tensor& x) {
  std::vector<std::vector<int64_t>> rows(static_cast<size_t>(x.dim(1)));
  for (size_t h = 0; h < rows.size(); ++h) {
    for (int64_t t = 0; t < x.dim(0); ++t) rows[h].push_back(t * x.dim(1) + static_cast<int64_t>(h));
  }
  return rows;
}

// The first value of a head in y [T, H, N].
std::byte* PlaceOf(Tensor& y, size_t head) {
  return y.mutable_raw() + static_cast<int64_t>(head) * y.dim(2) * Info(y.dtype()).block_bytes;
}

// A job for each head that finishes its sums in y; nothing if the inner loops cannot do that for one of them.
std::optional<std::vector<ProductJob>> JobsOfHeads(const Tensor& x, std::span<const Tensor> weights,
                                                   ProductPrecision precision, std::vector<ProductOperand>& operands,
                                                   Tensor& y) {
  std::vector<ProductJob> jobs;
  for (size_t h = 0; h < weights.size(); ++h) {
    const SumsToFinish finish{.dtype = y.dtype(), .y = PlaceOf(y, h), .y_stride = y.dim(1) * y.dim(2)};
    ProductJob& job = jobs.emplace_back(ProductJob{.rows = x.dim(0), .finish = finish});
    operands.push_back(OperandFor(x.dim(0), x.dtype(), weights[h], precision));
    AddWeight(weights[h], operands.back(), job);
    if (job.finish.y == nullptr) return {};
  }
  return jobs;
}

}  // namespace

Tensor ProductOfEachHead(const Tensor& x, std::span<const Tensor> weights, DType dtype, ProductPrecision precision,
                         const Tensor& beside) {
  Check(x, weights, beside, dtype);
  const Tensor rows = x.Reshape({x.dim(0) * x.dim(1), x.dim(2)});
  const int64_t outputs = weights[0].dim(0);
  Tensor y = Tensor::Empty({x.dim(0), x.dim(1), outputs + (beside.defined() ? beside.dim(2) : 0)}, dtype);
  if (beside.defined()) PutBeside(beside, outputs, y);
  const std::vector<std::vector<int64_t>> chosen = RowsOfHeads(x);
  const auto is_double = [](const Tensor& t) { return t.dtype() == DType::kF64; };
  const bool inner =
      !is_double(x) && !is_double(y) && !std::ranges::any_of(weights, is_double) && x.numel() > 0 && y.numel() > 0;
  std::vector<ProductOperand> operands;
  if (std::optional<std::vector<ProductJob>> jobs;
      inner && (jobs = JobsOfHeads(x, weights, precision, operands, y)).has_value()) {
    int64_t bytes = 0;
    for (const ProductOperand& operand : operands) bytes += operand.bytes(x.dim(0));
    const std::byte* place = ThreadScratch(Scratch::kActivations, bytes);
    for (size_t h = 0; h < operands.size(); ++h) {
      (*jobs)[h].x = operands[h].data = place;
      place += operands[h].bytes(x.dim(0));
    }
    const auto arrange = [&](int64_t i) {
      const size_t h = static_cast<size_t>(i);
      Arrange(rows, {chosen[h]}, operands[h], const_cast<std::byte*>(operands[h].data));
    };
    if (x.dim(0) < 16) {
      for (int64_t h = 0; h < x.dim(1); ++h) arrange(h);
    } else {
      ParallelFor(x.dim(1), arrange);
    }
    RunProductJobs(*jobs);
    return y;
  }
  for (size_t h = 0; h < weights.size(); ++h) {
    const WeightAndBias part{.weight = weights[h]};
    const Tensor own = Products(GatherRows(rows, chosen[h]), {&part, 1}, dtype, precision)[0];
    const int64_t row_bytes = own.dim(1) * Info(dtype).block_bytes;
    for (int64_t t = 0; t < own.dim(0); ++t)
      std::memcpy(PlaceOf(y, h) + t * y.dim(1) * y.dim(2) * Info(dtype).block_bytes, own.raw() + t * row_bytes,
                  static_cast<size_t>(row_bytes));
  }
  return y;
}

}  // namespace tessera::kernels
