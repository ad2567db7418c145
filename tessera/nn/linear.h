#pragma once
// y = x Wᵀ + b as a part of a model: the tensors "weight" [out, in] and, if asked for, "bias" [out] of its scope.

#include <algorithm>
#include <array>

#include "tessera/nn/parameters.h"

namespace tessera::nn {

struct LinearShape {
  int64_t in = 0, out = 0;
  bool bias = false;
  int64_t padded_in = 0, padded_out = 0;  // with zeros up to there (nn/padded_hidden.h); 0: as stored
};

class Linear {
 public:
  Linear(const Scope& s, const LinearShape& shape)
      : weight_(Padded(shape) ? s.PaddedMatrix("weight", {shape.out, shape.in}, {Rows(shape), Columns(shape)})
                              : s.Matrix("weight", {shape.out, shape.in})),
        precision_(s.options().precision) {
    if (!shape.bias) return;
    bias_ = Padded(shape) ? s.PaddedVector("bias", {shape.out}, {Rows(shape)}) : s.Vector("bias", {shape.out});
  }
  // x Wᵀ + b in f32, whatever x is; without derivatives.
  Tensor InF32(const Tensor& x) const {
    return ops::Linear(
        x, *weight_,
        ops::LinearOptions{.bias = bias_ ? *bias_ : Tensor(), .precision = precision_, .result = DType::kF32});
  }
  // f(x Wᵀ + b): [..., in] -> [..., out]
  Tensor operator()(const Tensor& x, ops::Activation activation = ops::Activation::kNone) const {
    return ops::Linear(
        x, *weight_,
        ops::LinearOptions{.bias = bias_ ? *bias_ : Tensor(), .precision = precision_, .activation = activation});
  }

  // The results of several layers of one x, sooner than one after the other.
  template <size_t N>
  static std::array<Tensor, N> Each(const Tensor& x, const Linear* const (&layers)[N]) {
    std::array<ops::LinearPart, N> parts;
    for (size_t i = 0; i < N; ++i) parts[i] = layers[i]->part();
    const std::vector<Tensor> results = ops::LinearEach(x, parts, layers[0]->precision_);
    std::array<Tensor, N> each;
    std::copy(results.begin(), results.end(), each.begin());
    return each;
  }

  // silu(gate(x)) ∘ up(x)
  static Tensor Gated(const Tensor& x, const Linear& gate, const Linear& up) {
    return ops::GatedLinear(x, gate.part(), up.part(), gate.precision_);
  }

  bool has_bias() const { return static_cast<bool>(bias_); }
  const Tensor& weight() const { return *weight_; }
  ops::LinearPrecision precision() const { return precision_; }

 private:
  static int64_t Rows(const LinearShape& shape) { return std::max(shape.out, shape.padded_out); }
  static int64_t Columns(const LinearShape& shape) { return std::max(shape.in, shape.padded_in); }
  static bool Padded(const LinearShape& shape) { return Rows(shape) != shape.out || Columns(shape) != shape.in; }
  ops::LinearPart part() const { return {.weight = *weight_, .bias = bias_ ? *bias_ : Tensor()}; }

  Parameter weight_, bias_;
  ops::LinearPrecision precision_;
};

}  // namespace tessera::nn
