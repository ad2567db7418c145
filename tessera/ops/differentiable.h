#pragma once
// How gradients flow: every operator returns its result through `Differentiable`, which remembers the inputs, the VJP
// and, in forward mode, computes the tangent at once by the JVP.
//
//   f(x) = a·x² at x = 3:
//   Tensor x = ops::Variable(Tensor::Scalar(3.0f));
//   Tensor y = ops::Mul(a, ops::Mul(x, x));
//   Tensor dx = ops::Gradient(y, {x})[0];                            // 6a, reverse mode
//
//   Tensor u = ops::WithTangent(Tensor::Scalar(3.0f), Tensor::Scalar(1.0f));
//   Tensor dy = ops::Tangent(ops::Mul(a, ops::Mul(u, u)));           // 6a, forward mode
//
// When no input is tracked (inference) nothing is remembered and an operator costs only its kernel.

#include <functional>
#include <span>
#include <vector>

#include "tessera/core/tensor.h"

namespace tessera::ops {

// The gradients of the inputs, given that of the output; one entry an input, of the input's shape. An undefined entry
// is zero; the entry of an input that is not tracked is ignored, so a VJP may leave it undefined to save work.
using Vjp = std::function<std::vector<Tensor>(const Tensor& dy)>;
// The tangent of the output, given those of the inputs in order; an undefined tangent is zero. Not called if all are.
using Jvp = std::function<Tensor(std::span<const Tensor> tangents)>;

// How a tensor was computed. Immutable; shared by the copies of the tensor.
struct Lineage {
  std::vector<Tensor> inputs;   // empty for a leaf
  Vjp vjp;                      // empty for a leaf
  Tensor tangent;               // undefined outside forward mode
  bool wants_gradient = false;  // reverse mode reaches a Variable from here
};

// `y` with its lineage, if any of `inputs` is tracked; else `y` as it is.
Tensor Differentiable(Tensor y, std::vector<Tensor> inputs, Vjp vjp, Jvp jvp);

// A leaf that gradients can be asked for.
Tensor Variable(const Tensor& x);
// A leaf that carries the tangent `dx` (same shape and dtype; throws Error otherwise).
Tensor WithTangent(const Tensor& x, const Tensor& dx);
// The tangent that `y` carries; zeros of its shape if it carries none.
Tensor Tangent(const Tensor& y);
// The same values without lineage.
Tensor Detach(const Tensor& x);
// Whether reverse mode needs the gradient of `x`; whether anything (gradient or tangent) follows it.
bool WantsGradient(const Tensor& x);
bool Tracked(const Tensor& x);
// Whether anything follows one of them. An operator that models call often returns at once if not: making the closures
// of its derivatives costs as much as adding a few thousand values.
template <typename... Tensors>
bool AnyTracked(const Tensors&... x) {
  return (Tracked(x) || ...);
}

// `y`, of operators that have no derivatives on the GPU yet. Throws Error if one of the operands is tracked.
template <typename... Tensors>
Tensor WithoutDerivatives(Tensor y, const Tensors&... x) {
  Require(!AnyTracked(x...), "gradients on the GPU are not there yet; compute them on the processor");
  return y;
}

// d loss / d variable for each variable; zeros for one that `loss` does not depend on. `loss` has one value; its own
// gradient is 1. Contributions are added in a fixed order (reverse of creation), so the bits do not depend on threads.
// Throws Error if `loss` is not a scalar or a variable was not made by Variable().
std::vector<Tensor> Gradient(const Tensor& loss, const std::vector<Tensor>& variables);
// The same for any y, with the gradient `dy` of y given: the vector-Jacobian product.
std::vector<Tensor> VectorJacobian(const Tensor& y, const Tensor& dy, const std::vector<Tensor>& variables);

}  // namespace tessera::ops
