#include "tessera/kernels/matmul.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/activation.h"
#include "tessera/kernels/cpu/product_finish.h"
#include "tessera/kernels/cpu/product_job.h"
#include "tessera/kernels/cpu/product_operand.h"
#include "tessera/kernels/packed_weight.h"

namespace tessera::kernels {
namespace {

void Check(const Tensor& a, const Tensor& b) {
  Require(a.rank() == 2 && b.rank() == 2 && a.dim(1) == b.dim(1), "product: {} and {} do not share their last axis",
          a.shape(), b.shape());
  Require(Info(a.dtype()).is_float && !a.packed(), "product: {} values cannot be multiplied", Name(a.dtype()));
  Require(Info(b.dtype()).is_float || IsQuantized(b.dtype()), "product: {} weights cannot be multiplied",
          Name(b.dtype()));
}

// y + bias in f64, then in `dtype`.
Tensor FinishDouble(const Tensor& y, const Tensor& bias, DType dtype) {
  if (!bias) return y.To(dtype);
  Tensor sum = y.To(DType::kF64).Clone();
  const Tensor terms = bias.To(DType::kF64).Contiguous();
  const auto values = sum.mutable_data<double>();
  const auto added = terms.data<double>();
  for (size_t i = 0; i < values.size(); ++i) values[i] += added[i % added.size()];
  return sum.To(dtype);
}

// A product that the inner loops do.
struct Task {
  const WeightAndBias* part = nullptr;
  Tensor* result = nullptr;
  size_t operand = 0;  // which
  Tensor sums, bias;   // f32; only where they are finished apart
};

// How the sums of a task become its result, all rows at once.
SumsToFinish WholeFinish(const Task& task) {
  Tensor& y = *task.result;
  return {.sums = task.sums ? task.sums.data<float>().data() : nullptr,
          .stride = y.dim(1),
          .rows = y.dim(0),
          .columns = y.dim(1),
          .bias = task.bias ? task.bias.data<float>().data() : nullptr,
          .activation = task.part->activation,
          .dtype = y.dtype(),
          .y = y.mutable_raw(),
          .y_stride = y.dim(1)};
}

// Sums that had to leave the caches, some rows at a time.
void FinishApart(const Task& task) {
  const SumsToFinish whole = WholeFinish(task);
  constexpr int64_t kValues = 16384;
  ParallelForRange(whole.rows, std::max<int64_t>(1, kValues / whole.columns), [&](int64_t begin, int64_t end) {
    SumsToFinish part = whole;
    part.rows = end - begin;
    part.sums += begin * whole.stride;
    part.y += begin * whole.y_stride * Info(whole.dtype).block_bytes;
    FinishSums(part);
  });
}

// One job for every weight that the inner loops multiply; the others are done at once.
// Without a dtype a result has that of its sums.
void Multiply(const Tensor& a, std::span<const WeightAndBias> parts, std::optional<DType> wanted,
              ProductPrecision precision, std::span<Tensor> results) {
  std::vector<ProductOperand> operands;  // the different ones
  std::vector<Task> tasks;
  int64_t bytes = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    const Tensor &b = parts[i].weight, &bias = parts[i].bias;
    const Activation activation = parts[i].activation;
    Check(a, b);
    Require(!bias || bias.shape() == Shape{b.dim(0)}, "product: bias {} for weight {}", bias.shape(), b.shape());
    const bool wide = a.dtype() == DType::kF64 || b.dtype() == DType::kF64;
    const DType dtype = wanted.value_or(wide ? DType::kF64 : DType::kF32);
    if (wide || dtype == DType::kF64) {
      const Tensor sums = wide ? reference::Product(a, b) : Product(a, b, precision);
      results[i] = Activate(FinishDouble(sums, bias, dtype), activation);
      continue;
    }
    results[i] = Tensor::Empty({a.dim(0), b.dim(0)}, dtype);
    if (results[i].numel() == 0) continue;
    if (a.numel() == 0) {
      results[i] = Activate(FinishDouble(Tensor::Zeros({a.dim(0), b.dim(0)}), bias, dtype), activation);
      continue;
    }
    const ProductOperand operand = OperandFor(a.dim(0), a.dtype(), b, precision);
    const auto same = std::find(operands.begin(), operands.end(), operand);
    tasks.push_back({.part = &parts[i],
                     .result = &results[i],
                     .operand = static_cast<size_t>(same - operands.begin()),
                     .bias = bias ? bias.To(DType::kF32).Contiguous() : Tensor()});
    if (same == operands.end()) {
      operands.push_back(operand);
      bytes += operand.bytes(a.dim(0));
    }
  }
  std::byte* place = ThreadScratch(Scratch::kActivations, bytes);
  for (ProductOperand& operand : operands) {
    Arrange(a, {}, operand, place);
    operand.data = place;
    place += operand.bytes(a.dim(0));
  }
  std::vector<ProductJob> jobs;
  for (Task& task : tasks) {
    ProductJob& job = jobs.emplace_back(ProductJob{.rows = a.dim(0)});
    if (const SumsToFinish finish = WholeFinish(task); !finish.plain()) job.finish = finish;
    const bool finished = job.finish.y != nullptr;
    AddWeight(task.part->weight, operands[task.operand], job);
    if (finished && job.finish.y == nullptr) task.sums = Tensor::Empty(task.result->shape());
    if (job.finish.y == nullptr) job.y = (task.sums ? task.sums : *task.result).mutable_data<float>().data();
  }
  RunProductJobs(jobs);
  for (const Task& task : tasks)
    if (task.sums) FinishApart(task);
}

}  // namespace

Tensor Product(const Tensor& a, const Tensor& b, ProductPrecision precision) {
  const WeightAndBias part{.weight = b};
  Tensor y;
  Multiply(a, {&part, 1}, {}, precision, {&y, 1});
  return y;
}

std::vector<Tensor> Products(const Tensor& a, std::span<const WeightAndBias> weights, DType dtype,
                             ProductPrecision precision) {
  std::vector<Tensor> results(weights.size());
  Multiply(a, weights, dtype, precision, results);
  return results;
}

std::vector<Tensor> Products(const Tensor& a, std::span<const Tensor> weights, ProductPrecision precision) {
  std::vector<WeightAndBias> parts;
  for (const Tensor& weight : weights) parts.push_back({.weight = weight});
  std::vector<Tensor> results(weights.size());
  Multiply(a, parts, {}, precision, results);
  return results;
}

Tensor ProductSiluMul(const Tensor& a, const Tensor& gate, const Tensor& up, ProductPrecision precision) {
  Check(a, gate);
  Check(a, up);
  Require(a.dtype() == DType::kF32 && gate.shape() == up.shape(),
          "product_silu_mul: a is {}, gate {} and up {}; a must be f32 and the weights alike", Name(a.dtype()),
          gate.shape(), up.shape());
  const bool plain = a.numel() == 0 || gate.numel() == 0 || gate.dtype() == DType::kF64 || up.dtype() == DType::kF64;
  if (ProductOperand operand; !plain && (operand = OperandFor(a.dim(0), a.dtype(), gate, precision)) ==
                                            OperandFor(a.dim(0), a.dtype(), up, precision)) {
    Tensor y = Tensor::Empty({a.dim(0), gate.dim(0)});
    ProductJob job{.rows = a.dim(0), .y = y.mutable_data<float>().data()}, up_job{.rows = a.dim(0)};
    std::byte* x = ThreadScratch(Scratch::kActivations, operand.bytes(a.dim(0)));
    operand.data = x;
    AddWeight(gate, operand, job);
    AddWeight(up, operand, up_job);
    if (job.chunk == job.units && up_job.chunk == up_job.units && job.w_unit_bytes == up_job.w_unit_bytes) {
      Arrange(a, {}, operand, x);
      job.up = &up_job;
      RunProductJobs({&job, 1});
      return y;
    }
  }
  const std::vector<Tensor> both = Products(a, std::vector<Tensor>{gate, up}, precision);
  return SiluMul(both[0], both[1]);
}

}  // namespace tessera::kernels
