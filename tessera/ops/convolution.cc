#include "tessera/ops/convolution.h"

#include "tessera/kernels/elementwise.h"
#include "tessera/kernels/reduce.h"
#include "tessera/ops/checks.h"
#include "tessera/ops/differentiable.h"

namespace tessera::ops {
namespace {

void Check(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvolutionWindow& window) {
  RequireFloat("convolution", x);
  RequireFloat("convolution", w);
  RequireSameDType("convolution", x, w);
  Require(x.rank() == 4 && w.rank() == 4 && w.dim(1) == x.dim(3),
          "convolution: a weight {} does not fit x {}; they must be [O, I, U, V] and [B, H, W, I]", w.shape(),
          x.shape());
  if (bias) {
    RequireFloat("convolution", bias);
    RequireSameDType("convolution", x, bias);
    Require(bias.shape() == Shape{w.dim(0)}, "convolution: the bias {} must be [{}]", bias.shape(), w.dim(0));
  }
  Require(window.stride >= 1 && window.top >= 0 && window.left >= 0 && window.bottom >= 0 && window.right >= 0,
          "convolution: a stride of {} and {}, {}, {}, {} zeros around; they cannot be negative, nor the stride 0",
          window.stride, window.top, window.left, window.bottom, window.right);
  Require(w.dim(2) >= 1 && w.dim(3) >= 1 && x.dim(1) + window.top + window.bottom >= w.dim(2) &&
              x.dim(2) + window.left + window.right >= w.dim(3),
          "convolution: a window of {} x {} does not fit into pictures of {} x {} with {}, {}, {}, {} zeros around",
          w.dim(2), w.dim(3), x.dim(1), x.dim(2), window.top, window.left, window.bottom, window.right);
}

}  // namespace

// y = x ⋆ w + b
Tensor Convolution(const Tensor& x, const Tensor& w, const Tensor& b, const ConvolutionWindow& window) {
  Check(x, w, b, window);
  const Tensor y = kernels::Convolve(x, w, b, window);
  if (!AnyTracked(x, w, b)) return y;
  std::vector<Tensor> inputs{x, w};
  if (b) inputs.push_back(b);
  return Differentiable(
      y, std::move(inputs),
      // dx = Σ over the windows that cover a value of dy w,  dw = Σ dy x̄,  db = Σ_{b, i, j} dy
      [=](const Tensor& dy) {
        std::vector<Tensor> gradients(2);
        if (WantsGradient(x)) gradients[0] = kernels::ConvolutionInputGradient(dy, w, x.shape(), window);
        if (WantsGradient(w)) gradients[1] = kernels::ConvolutionWeightGradient(dy, x, w.shape(), window);
        if (b) gradients.push_back(kernels::SumAxis(dy.Reshape({dy.numel() / dy.dim(3), dy.dim(3)}), 0, 1));
        return gradients;
      },
      // ẏ = ẋ ⋆ w + x ⋆ ẇ + ḃ
      [=](std::span<const Tensor> d) {
        const Tensor db = d.size() > 2 ? d[2] : Tensor();
        Tensor dy;
        if (d[0]) dy = kernels::Convolve(d[0], w, db, window);
        if (d[1]) {
          const Tensor part = kernels::Convolve(x, d[1], d[0] ? Tensor() : db, window);
          dy = dy ? kernels::Add(dy, part) : part;
        }
        return dy ? dy : kernels::Add(Tensor::Zeros(y.shape(), y.dtype()), db);
      });
}

}  // namespace tessera::ops
