#pragma once
// Convolution over pictures whose channels run along the last axis:
//
//   y[b, i, j, o] = b_o + Σ_{u, v, c} x̄[b, s i + u - top, s j + v - left, c] w[o, c, u, v]
//
// where x̄ is x with zeros around it and s is the stride. Sums run in f32 (f64 for f64); a value's bits depend on the
// values under its window alone, whatever the size of the picture, its company and the threads.
//
//   x  [B, H, W, I]       w  [O, I, U, V], as checkpoints keep it       y  [B, H', W', O]
//
// Tensors are contiguous, floating point and of one dtype. A zero beyond the border is multiplied like any value: it
// meets an infinite weight as NaN.

#include "tessera/core/tensor.h"

namespace tessera::kernels {

struct ConvolutionWindow {
  int64_t stride = 1;
  int64_t top = 0, left = 0, bottom = 0, right = 0;  // zeros around the picture

  // H' of H, and W' of W, for a kernel of U rows and V columns.
  int64_t Rows(int64_t height, int64_t kernel_rows) const { return (height + top + bottom - kernel_rows) / stride + 1; }
  int64_t Columns(int64_t width, int64_t kernel_columns) const {
    return (width + left + right - kernel_columns) / stride + 1;
  }
};

// y. `bias` [O] may be undefined.
Tensor Convolve(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvolutionWindow& window);

// dx[b, y, x, c] = Σ over the windows that cover (y, x) of dy[b, i, j, o] w[o, c, u, v]; x_shape is that of x.
Tensor ConvolutionInputGradient(const Tensor& dy, const Tensor& w, const Shape& x_shape,
                                const ConvolutionWindow& window);

// dw[o, c, u, v] = Σ_{b, i, j} dy[b, i, j, o] x̄[b, s i + u - top, s j + v - left, c]; w_shape is that of w.
Tensor ConvolutionWeightGradient(const Tensor& dy, const Tensor& x, const Shape& w_shape,
                                 const ConvolutionWindow& window);

}  // namespace tessera::kernels
