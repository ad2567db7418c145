// Which kernel multiplies what: see few_rows.cuh and many_rows.cuh.

#include "tessera/kernels/cuda/few_rows.cuh"
#include "tessera/kernels/cuda/many_rows.cuh"
#include "tessera/kernels/cuda/products.h"
#include "tessera/kernels/cuda/weight_rows.cuh"

namespace tessera::kernels::cuda {
namespace {

bool IsFloatHere(DType dtype) { return dtype == DType::kF32 || dtype == DType::kBF16; }

void RequireOperands(const Tensor& a, const Tensor& weight) {
  Require(a.defined() && a.shape().rank() == 2 && IsFloatHere(a.dtype()),
          "product: x must be f32 or bf16 [M, K] on the GPU, not {} {}", Name(a.dtype()), a.shape());
  Require(weight.defined() && weight.shape().rank() == 2 && IsKnownWeight(weight),
          "product: the weight {} {} must come from WeightToGpu", Name(weight.dtype()), weight.shape());
  Require(weight.dim(1) == a.dim(1), "product: x is {} but the weight {}; their rows must be equally long", a.shape(),
          weight.shape());
}

// x where 16 bytes may be read at once, if its rows are long enough for that: a view may begin anywhere.
Tensor Aligned(const Tensor& a) { return a.dim(1) % 8 == 0 && !HasWholeRows(a) ? a.Clone() : a; }

// How few rows of x are multiplied by a weight: parts of a launch are of one kind.
struct Kind {
  bool matrix;
  RowAccess access;
  DType weight;
  bool operator==(const Kind&) const = default;
};
Kind KindOf(const Tensor& a, const Tensor& weight) {
  const bool whole = HasWholeRows(a) && HasWholeRows(weight);
  return {whole && a.dtype() == DType::kBF16 && weight.dtype() != DType::kF32,
          whole ? RowAccess::kWhole : RowAccess::kSingle, weight.dtype()};
}

FewRowsArguments ArgumentsFor(const Tensor& a) {
  FewRowsArguments arguments;
  arguments.x = a.gpu_data();
  arguments.x_rows = static_cast<int>(a.dim(0));
  arguments.cols = static_cast<int>(a.dim(1));
  return arguments;
}

void Multiply(const FewRowsArguments& arguments, const Tensor& a, const Kind& kind) {
  if (kind.matrix)
    MultiplyFewRowsByMatrix(arguments, kind.weight);
  else
    MultiplyFewRowsExactly(arguments, a.dtype(), kind.weight, kind.access);
}

}  // namespace

std::vector<Tensor> Products(const Tensor& a, std::span<const WeightAndBias> weights, DType dtype) {
  Require(IsFloatHere(dtype), "product: {} results are not known on the GPU; use f32 or bf16", Name(dtype));
  for (const auto& [weight, bias, activation] : weights) {
    RequireOperands(a, weight);
    Require(!bias.defined() || (bias.shape() == Shape{weight.dim(0)} && IsFloatHere(bias.dtype())),
            "product: the bias of the weight {} must be f32 or bf16 [{}]", weight.shape(), weight.dim(0));
  }
  std::vector<Tensor> results;
  const int64_t rows = weights.empty() ? 0 : a.dim(0);
  if (rows > kFewRows) {
    const Tensor x = Aligned(a);
    for (const WeightAndBias& weight : weights) {
      if (weight.weight.dim(0) == 0)
        results.push_back(Tensor::Empty({rows, 0}, dtype, Device::kCuda));
      else
        results.push_back(MultiplyManyRows(x, weight, dtype));
    }
    return results;
  }
  for (const WeightAndBias& weight : weights)
    results.push_back(Tensor::Empty({rows, weight.weight.dim(0)}, dtype, Device::kCuda));
  if (rows == 0) return results;
  const Tensor x = Aligned(a);
  for (size_t first = 0; first < weights.size();) {
    const Kind kind = KindOf(x, weights[first].weight);
    FewRowsArguments arguments = ArgumentsFor(x);
    size_t i = first;
    for (; i < weights.size() && arguments.part_count < kMostParts; ++i) {
      if (KindOf(x, weights[i].weight) != kind) break;
      if (weights[i].weight.dim(0) == 0) continue;
      arguments.parts[arguments.part_count++] = {ViewOfWeight(weights[i].weight), ReadFloats(weights[i].bias),
                                                 WriteFloats(results[i]), weights[i].activation};
    }
    if (arguments.part_count > 0) Multiply(arguments, x, kind);
    first = i;
  }
  return results;
}

Tensor ProductSiluMul(const Tensor& a, const Tensor& gate, const Tensor& up) {
  RequireOperands(a, gate);
  RequireOperands(a, up);
  Require(gate.shape() == up.shape(), "product: the gate is {} but up {}", gate.shape(), up.shape());
  if (a.dim(0) == 0 || gate.dim(0) == 0) return Tensor::Empty({a.dim(0), gate.dim(0)}, a.dtype(), Device::kCuda);
  if (a.dim(0) <= kFewRows) {
    const Tensor x = Aligned(a);
    const Kind kind = KindOf(x, gate);
    if (kind == KindOf(x, up)) {
      Tensor y = Tensor::Empty({a.dim(0), gate.dim(0)}, a.dtype(), Device::kCuda);
      FewRowsArguments arguments = ArgumentsFor(x);
      arguments.gated = true;
      arguments.part_count = 2;
      arguments.parts[0] = {ViewOfWeight(gate), {}, WriteFloats(y)};
      arguments.parts[1] = {ViewOfWeight(up), {}, WriteFloats(y)};
      Multiply(arguments, x, kind);
      return y;
    }
  }
  const WeightAndBias both[] = {{gate, {}}, {up, {}}};
  const std::vector<Tensor> products = Products(a, both, a.dtype());
  return SiluMulOf(products[0], products[1]);
}

}  // namespace tessera::kernels::cuda
