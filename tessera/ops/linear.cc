#include "tessera/ops/linear.h"

#include <algorithm>
#include <array>
#include <vector>

#include "tessera/kernels/cuda/products.h"
#include "tessera/kernels/head_product.h"
#include "tessera/kernels/packed_weight.h"
#include "tessera/ops/differentiable.h"
#include "tessera/ops/elementwise.h"
#include "tessera/ops/view.h"

namespace tessera::ops {
namespace {

using kernels::Product;
using kernels::ProductPrecision;

// x [..., K] as [rows, K].
Tensor AsMatrix(const Tensor& x) { return x.Contiguous().Reshape({x.shape().Without(-1).numel(), x.dim(-1)}); }

bool IsPlain(const Tensor& weight) { return !weight.packed() && !IsQuantized(weight.dtype()); }

// The operator of that name, whose derivatives are known.
Tensor Activated(const Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::kGelu:
      return Gelu(x);
    case Activation::kGeluTanh:
      return GeluTanh(x);
    case Activation::kQuickGelu:
      return QuickGelu(x);
    case Activation::kNone:
      break;
  }
  return x;
}

// y + bias for each row, in y's dtype (f32 or f64).
void AddBias(Tensor& y, const Tensor& bias) {
  const auto add = [&]<typename T>(T) {
    const Tensor values = bias.To(DTypeOf<T>).Contiguous();
    const auto b = values.template data<T>();
    const auto out = y.mutable_data<T>();
    for (size_t i = 0; i < out.size(); i += b.size()) {
      for (size_t n = 0; n < b.size(); ++n) out[i + n] += b[n];
    }
  };
  if (bias.numel() == 0) return;
  y.dtype() == DType::kF64 ? add(double{}) : add(float{});
}

// Σ over the rows of y [rows, N], in f32 or f64: [N].
Tensor SumRows(const Tensor& y) {
  const auto sum_as = [&]<typename T>(T) {
    Tensor sum = Tensor::Zeros({y.dim(1)}, DTypeOf<T>);
    const Tensor values = y.To(DTypeOf<T>);
    const auto in = values.template data<T>();
    const auto out = sum.mutable_data<T>();
    for (size_t i = 0; i < in.size(); i += out.size()) {
      for (size_t n = 0; n < out.size(); ++n) out[n] += in[i + n];
    }
    return sum;
  };
  return y.dtype() == DType::kF64 ? sum_as(double{}) : sum_as(float{});
}

// dy W [rows, K] for a weight [N, K] of any kind. Of a block format only `kChunk` rows at a time are ever in f32.
Tensor TimesWeight(const Tensor& dy, const Tensor& weight) {
  if (IsPlain(weight)) return Product(dy, weight.Transpose(0, 1), ProductPrecision::kExact);
  constexpr int64_t kChunk = 256;
  const int64_t outputs = weight.dim(0), inputs = weight.dim(1);
  Tensor dx = Tensor::Zeros({dy.dim(0), inputs});
  for (int64_t begin = 0; begin < outputs; begin += kChunk) {
    const int64_t end = std::min(outputs, begin + kChunk);
    Tensor rows = Tensor::Empty({end - begin, inputs});
    kernels::ReadWeightRows(weight, begin, end, rows.mutable_data<float>());
    const Tensor part = Product(dy.Slice(1, begin, end), rows.Transpose(0, 1)).To(DType::kF32);
    const auto term = part.data<float>();
    const auto sum = dx.mutable_data<float>();
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += term[i];
  }
  return dx;
}

// The products where x is: on the processor, or on the GPU, where every precision is that of the weights.
std::vector<Tensor> ProductsThere(const Tensor& x, std::span<const kernels::WeightAndBias> parts, DType dtype,
                                  ProductPrecision precision) {
  return x.on_gpu() ? kernels::cuda::Products(x, parts, dtype) : kernels::Products(x, parts, dtype, precision);
}

void Check(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  Require(x.defined() && x.rank() >= 1, "linear: x needs at least one axis");
  Require(Info(x.dtype()).is_float, "linear: x is {}, it must be f32, bf16, f16 or f64", Name(x.dtype()));
  Require(weight.defined() && weight.rank() == 2, "linear: weight has shape {}, it must be [N, K]", weight.shape());
  Require(Info(weight.dtype()).is_float || IsQuantized(weight.dtype()), "linear: weight is {}", Name(weight.dtype()));
  Require(weight.dim(1) == x.dim(-1), "linear: weight {} takes {} inputs but the last axis of x {} has {}",
          weight.shape(), weight.dim(1), x.shape(), x.dim(-1));
  Require(!bias || bias.shape() == Shape{weight.dim(0)},
          "linear: bias {} must have one value for each row of weight {}", bias.shape(), weight.shape());
}

}  // namespace

Tensor Linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return Linear(x, weight, LinearOptions{.bias = bias});
}

Tensor Linear(const Tensor& x, const Tensor& weight, const LinearOptions& options) {
  const Tensor& bias = options.bias;
  Check(x, weight, bias);
  const bool tracked = Tracked(x) || Tracked(weight) || (bias && Tracked(bias));
  Require(!tracked || !options.result, "linear: a result of another dtype has no derivatives; Cast it");
  if (tracked && options.activation != Activation::kNone)
    return Activated(Linear(x, weight, {.bias = bias, .precision = options.precision}), options.activation);
  const Tensor rows = AsMatrix(Detach(x)), w = Detach(weight);
  const kernels::WeightAndBias part{
      .weight = w, .bias = bias ? Detach(bias) : Tensor(), .activation = options.activation};
  const Tensor y = ProductsThere(rows, {&part, 1}, options.result.value_or(x.dtype()), options.precision)[0].Reshape(
      x.shape().With(-1, w.dim(0)));
  if (!tracked) return y;

  std::vector<Tensor> inputs = {x, weight};
  if (bias) inputs.push_back(bias);
  const bool wants_x = WantsGradient(x), wants_weight = WantsGradient(weight) && IsPlain(weight);
  return Differentiable(
      y, inputs,
      // dx = dy W,  dW = dyᵀ x,  db = Σ_rows dy
      [=](const Tensor& gradient) {
        const Tensor dy = AsMatrix(gradient);
        std::vector<Tensor> result(bias ? 3 : 2);
        if (wants_x) result[0] = TimesWeight(dy, w).To(rows.dtype()).Reshape(gradient.shape().With(-1, w.dim(1)));
        if (wants_weight)
          result[1] = Product(dy.Transpose(0, 1), rows.Transpose(0, 1), ProductPrecision::kExact).To(w.dtype());
        if (bias) result[2] = SumRows(dy).To(bias.dtype());
        return result;
      },
      // ẏ = ẋ Wᵀ + x Ẇᵀ + ḃ
      [=](std::span<const Tensor> tangents) {
        Tensor dy = Tensor::Zeros({rows.dim(0), w.dim(0)}, y.dtype() == DType::kF64 ? DType::kF64 : DType::kF32);
        const auto add = [&](const Tensor& term) {
          const auto sum_as = [&]<typename T>(T) {
            const Tensor values = term.To(DTypeOf<T>);
            const auto in = values.template data<T>();
            const auto out = dy.mutable_data<T>();
            for (size_t i = 0; i < out.size(); ++i) out[i] += in[i];
          };
          dy.dtype() == DType::kF64 ? sum_as(double{}) : sum_as(float{});
        };
        if (tangents[0]) add(Product(AsMatrix(tangents[0]), w, ProductPrecision::kExact));
        if (tangents[1]) add(Product(rows, tangents[1], ProductPrecision::kExact));
        if (bias && tangents[2]) AddBias(dy, tangents[2]);
        return dy.To(y.dtype()).Reshape(y.shape());
      });
}

std::vector<Tensor> LinearEach(const Tensor& x, std::span<const LinearPart> parts, LinearPrecision precision) {
  std::vector<kernels::WeightAndBias> plain;
  bool tracked = Tracked(x);
  for (const LinearPart& part : parts) {
    Check(x, part.weight, part.bias);
    tracked = tracked || Tracked(part.weight) || (part.bias && Tracked(part.bias));
    plain.push_back({.weight = part.weight, .bias = part.bias});
  }
  if (tracked) {
    std::vector<Tensor> results;
    for (const LinearPart& part : parts)
      results.push_back(Linear(x, part.weight, {.bias = part.bias, .precision = precision}));
    return results;
  }
  std::vector<Tensor> results = ProductsThere(AsMatrix(x), plain, x.dtype(), precision);
  for (Tensor& y : results) y = y.Reshape(x.shape().With(-1, y.dim(1)));
  return results;
}

Tensor LinearOfEachHead(const Tensor& x, std::span<const Tensor> weights, LinearPrecision precision,
                        const Tensor& beside) {
  Require(x.defined() && x.rank() == 3 && x.dim(1) == std::ssize(weights),
          "linear of each head: {} weights for x {}; it must be [tokens, heads, inputs]", weights.size(), x.shape());
  for (const Tensor& weight : weights) Check(x, weight, {});
  if (!AnyTracked(x, beside) && std::ranges::none_of(weights, Tracked))
    return kernels::ProductOfEachHead(x.Contiguous(), weights, x.dtype(), precision, beside);
  std::vector<Tensor> results;
  for (int64_t h = 0; h < x.dim(1); ++h)
    results.push_back(Linear(Slice(x, 1, h, h + 1), weights[static_cast<size_t>(h)], {.precision = precision}));
  const Tensor y = Concat(results, 1);
  return beside.defined() ? Concat(std::array{y, beside}, 2) : y;
}

Tensor GatedLinear(const Tensor& x, const LinearPart& gate, const LinearPart& up, LinearPrecision precision) {
  const bool one_loop = x.dtype() == DType::kF32 || x.on_gpu();
  if (gate.bias || up.bias || !one_loop || AnyTracked(x, gate.weight, up.weight)) {
    const std::vector<Tensor> both = LinearEach(x, std::array{gate, up}, precision);
    return SiluMul(both[0], both[1]);
  }
  Check(x, gate.weight, {});
  Check(x, up.weight, {});
  const Tensor rows = AsMatrix(x);
  return (x.on_gpu() ? kernels::cuda::ProductSiluMul(rows, gate.weight, up.weight)
                     : kernels::ProductSiluMul(rows, gate.weight, up.weight, precision))
      .Reshape(x.shape().With(-1, gate.weight.dim(0)));
}

Tensor PackWeight(const Tensor& weight, StorageArena* arena) { return kernels::PackWeight(Detach(weight), arena); }
Tensor UnpackWeight(const Tensor& packed) { return kernels::UnpackWeight(packed); }
Tensor WeightToGpu(const Tensor& weight) { return kernels::cuda::WeightToGpu(Detach(weight)); }

}  // namespace tessera::ops
