#include "tessera/kernels/matmul.h"

#include <algorithm>
#include <vector>

#include "tessera/kernels/activation.h"
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

// One job for every weight that the inner loops multiply; the others are done at once.
void Multiply(const Tensor& a, std::span<const Tensor> weights, ProductPrecision precision, std::span<Tensor> results) {
  std::vector<ProductOperand> operands;  // the different ones
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
    const ProductOperand operand = OperandFor(a.dim(0), a.dtype(), b, precision);
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
  for (ProductOperand& operand : operands) {
    Arrange(a, {}, operand, place);
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
