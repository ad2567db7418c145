#include "tessera/kernels/reference/convolution.h"

#include <vector>

#include "tessera/kernels/float_types.h"

namespace tessera::kernels::reference {
namespace {

// Calls body(y place, x place or -1 beyond the border, u · V + v) for every window and every place in it. Places count
// pixels over all pictures.
template <typename Body>
void EachTap(const Shape& x, const Shape& w, const Shape& y, const ConvolutionWindow& window, const Body& body) {
  const int64_t H = x[1], W = x[2], U = w[2], V = w[3];
  for (int64_t b = 0; b < y[0]; ++b)
    for (int64_t i = 0; i < y[1]; ++i)
      for (int64_t j = 0; j < y[2]; ++j)
        for (int64_t tap = 0; tap < U * V; ++tap) {
          const int64_t row = i * window.stride + tap / V - window.top,
                        column = j * window.stride + tap % V - window.left;
          const bool inside = row >= 0 && row < H && column >= 0 && column < W;
          body((b * y[1] + i) * y[2] + j, inside ? (b * H + row) * W + column : -1, tap);
        }
}

Shape OutputShape(const Tensor& x, const Tensor& w, const ConvolutionWindow& window) {
  return {x.dim(0), window.Rows(x.dim(1), w.dim(2)), window.Columns(x.dim(2), w.dim(3)), w.dim(0)};
}

// sums rounded to the tensor's dtype
template <typename T, typename C>
void Round(const std::vector<C>& sums, Tensor& out) {
  const auto values = out.mutable_data<T>();
  for (size_t i = 0; i < sums.size(); ++i) values[i] = T(sums[i]);
}

}  // namespace

Tensor Convolve(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvolutionWindow& window) {
  Tensor y = Tensor::Empty(OutputShape(x, w, window), x.dtype());
  const int64_t O = w.dim(0), I = w.dim(1), taps = w.dim(2) * w.dim(3);
  WithFloatType(x.dtype(), "convolution", [&]<typename T>(T) {
    using C = ComputeType<T>;
    const auto in = x.data<T>(), weight = w.data<T>();
    std::vector<C> sums(static_cast<size_t>(y.numel()));
    EachTap(x.shape(), w.shape(), y.shape(), window, [&](int64_t to, int64_t from, int64_t tap) {
      for (int64_t o = 0; o < O; ++o)
        for (int64_t c = 0; c < I; ++c)
          sums[to * O + o] += (from < 0 ? C(0) : C(in[from * I + c])) * C(weight[(o * I + c) * taps + tap]);
    });
    for (size_t i = 0; bias && i < sums.size(); ++i) sums[i] += C(bias.data<T>()[i % static_cast<size_t>(O)]);
    Round<T>(sums, y);
  });
  return y;
}

Tensor ConvolutionInputGradient(const Tensor& dy, const Tensor& w, const Shape& x_shape,
                                const ConvolutionWindow& window) {
  Tensor dx = Tensor::Empty(x_shape, dy.dtype());
  const int64_t O = w.dim(0), I = w.dim(1), taps = w.dim(2) * w.dim(3);
  WithFloatType(dy.dtype(), "convolution", [&]<typename T>(T) {
    using C = ComputeType<T>;
    const auto grad = dy.data<T>(), weight = w.data<T>();
    std::vector<C> sums(static_cast<size_t>(dx.numel()));
    EachTap(x_shape, w.shape(), dy.shape(), window, [&](int64_t to, int64_t from, int64_t tap) {
      for (int64_t c = 0; from >= 0 && c < I; ++c)
        for (int64_t o = 0; o < O; ++o) sums[from * I + c] += C(grad[to * O + o]) * C(weight[(o * I + c) * taps + tap]);
    });
    Round<T>(sums, dx);
  });
  return dx;
}

Tensor ConvolutionWeightGradient(const Tensor& dy, const Tensor& x, const Shape& w_shape,
                                 const ConvolutionWindow& window) {
  Tensor dw = Tensor::Empty(w_shape, dy.dtype());
  const int64_t O = w_shape[0], I = w_shape[1], taps = w_shape[2] * w_shape[3];
  WithFloatType(dy.dtype(), "convolution", [&]<typename T>(T) {
    using C = ComputeType<T>;
    const auto grad = dy.data<T>(), in = x.data<T>();
    std::vector<C> sums(static_cast<size_t>(dw.numel()));
    EachTap(x.shape(), w_shape, dy.shape(), window, [&](int64_t to, int64_t from, int64_t tap) {
      for (int64_t o = 0; o < O; ++o)
        for (int64_t c = 0; c < I; ++c)
          sums[(o * I + c) * taps + tap] += C(grad[to * O + o]) * (from < 0 ? C(0) : C(in[from * I + c]));
    });
    Round<T>(sums, dw);
  });
  return dw;
}

}  // namespace tessera::kernels::reference
