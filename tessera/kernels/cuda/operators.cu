#include <algorithm>

#include "tessera/kernels/cuda/launch_chained.cuh"
#include "tessera/kernels/cuda/operators.cuh"
#include "tessera/kernels/cuda/operators.h"
#include "tessera/kernels/cuda/with_type.cuh"

namespace tessera::kernels::cuda {
namespace {

constexpr int kThreads = 256, kRowThreads = 1024;

// y[i] = f(a[i], b[i]) for all values; `b` may be null where f does not look at it.
template <typename T, typename To, typename F>
__global__ void PointwiseKernel(const T* a, const T* b, To* y, int64_t count, F f) {
  WaitForPredecessor();
  LetSuccessorStart();
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step)
    y[i] = FromFloat<To>(f(ToFloat(a[i]), b == nullptr ? 0.0f : ToFloat(b[i])));
}

template <typename T, typename To, typename F>
void Pointwise(const T* a, const T* b, To* y, int64_t count, F f) {
  constexpr int64_t kMostBlocks = 132 * 16;
  LaunchChained(PointwiseKernel<T, To, F>, std::min((count + kThreads - 1) / kThreads, kMostBlocks), kThreads, 0, a, b,
                y, count, f);
}

struct Sum {
  __device__ float operator()(float a, float b) const { return a + b; }
};
struct SiluTimes {
  __device__ float operator()(float gate, float up) const { return gate / (1 + expf(-gate)) * up; }
};
struct Same {
  __device__ float operator()(float a, float) const { return a; }
};
struct GeluOf {
  __device__ float operator()(float a, float) const { return a * 0.5f * erfcf(-a * 0.70710678118654752f); }
};
struct GeluTanhOf {
  __device__ float operator()(float a, float) const {
    const float inner = 0.79788456080286536f * (a + 0.044715f * a * a * a);
    return a / (1 + expf(-2 * inner));
  }
};
struct QuickGeluOf {
  __device__ float operator()(float a, float) const { return a / (1 + expf(-1.702f * a)); }
};

template <typename F>
Tensor Same2(const Tensor& a, const Tensor& b, F f) {
  Require(!b || (a.shape() == b.shape() && a.dtype() == b.dtype()), "GPU: operands {} {} and {} {} differ",
          Name(a.dtype()), a.shape(), Name(b.dtype()), b.shape());
  Tensor y = Tensor::Empty(a.shape(), a.dtype(), Device::kCuda);
  WithGpuFloat(a.dtype(), [&]<typename T>(T) {
    Pointwise(a.gpu_data<T>(), b ? b.gpu_data<T>() : nullptr, y.mutable_gpu_data<T>(), a.numel(), f);
  });
  return y;
}

template <typename T>
__global__ void RmsNormKernel(const T* x, const T* d, const T* w, T* h, T* y, int width, float eps) {
  __shared__ BlockScratch scratch;
  HeldRow<T> weight;
  if (HeldRow<T>::Fits(width)) weight.Load(w, width);  // which no kernel writes
  WaitForPredecessor();
  LetSuccessorStart();
  const int64_t row = int64_t{blockIdx.x} * width;
  RmsNormRow(x + row, d == nullptr ? d : d + row, w, weight, h + row, y + row, width, eps, scratch);
}

template <typename T>
__global__ void LayerNormKernel(const T* x, const T* w, const T* b, T* y, int width, float eps) {
  __shared__ BlockScratch scratch;
  WaitForPredecessor();
  LetSuccessorStart();
  const int64_t row = int64_t{blockIdx.x} * width;
  LayerNormRow(x + row, w, b, y + row, width, eps, scratch);
}

template <typename T>
__global__ void GatherKernel(const T* x, const int64_t* rows, T* y, int64_t width) {
  WaitForPredecessor();
  LetSuccessorStart();
  const T* from = x + rows[blockIdx.x] * width;
  for (int64_t i = threadIdx.x; i < width; i += blockDim.x) y[blockIdx.x * width + i] = from[i];
}

template <typename T>
__global__ void ColumnsKernel(const T* x, T* y, int64_t stride, int64_t from, int64_t width, int64_t to) {
  WaitForPredecessor();
  LetSuccessorStart();
  ColumnsRow(x, y, blockIdx.x, stride, from, width, to);
}

__global__ void TablesKernel(const int64_t* positions, const __grid_constant__ RotaryFrequencies frequencies,
                             float* cos, float* sin) {
  WaitForPredecessor();
  LetSuccessorStart();
  AnglesRow(positions, gridDim.x, blockIdx.x, frequencies, cos, sin);
}

template <typename T>
__global__ void RotaryKernel(const T* x, T* y, int heads, int dim, RotaryAngles angles) {
  WaitForPredecessor();
  LetSuccessorStart();
  RotaryRow(x, y, blockIdx.x, heads, dim, angles);
}

__global__ void LikeliestKernel(const float* logits, int vocab, int parts, uint64_t* keys) {
  WaitForPredecessor();
  LetSuccessorStart();
  const int64_t row = blockIdx.x / parts;
  LikeliestOfRow(logits + row * vocab, vocab, static_cast<int>(blockIdx.x) % parts, parts, keys + row);
}

int64_t RowCount(const Tensor& x) { return x.shape().Without(-1).numel(); }
int Int(int64_t value) {
  Require(value >= 0 && value < (int64_t{1} << 31), "GPU: an axis of {} values is more than its kernels count", value);
  return static_cast<int>(value);
}
// Enough threads for a row of `width` values, in whole warps.
int ThreadsFor(int64_t width) { return static_cast<int>(std::clamp<int64_t>((width + 31) / 32 * 32, 32, kRowThreads)); }

}  // namespace

Tensor Add(const Tensor& a, const Tensor& b) { return Same2(a, b, Sum{}); }
Tensor SiluMul(const Tensor& gate, const Tensor& up) { return Same2(gate, up, SiluTimes{}); }

Tensor Activate(const Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::kGelu:
      return Same2(x, {}, GeluOf{});
    case Activation::kGeluTanh:
      return Same2(x, {}, GeluTanhOf{});
    case Activation::kQuickGelu:
      return Same2(x, {}, QuickGeluOf{});
    case Activation::kNone:
      break;
  }
  return x;
}

Tensor Cast(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  Tensor y = Tensor::Empty(x.shape(), dtype, Device::kCuda);
  WithGpuFloat(x.dtype(), [&]<typename T>(T) {
    WithGpuFloat(dtype, [&]<typename To>(To) {
      Pointwise(x.gpu_data<T>(), static_cast<const T*>(nullptr), y.mutable_gpu_data<To>(), x.numel(), Same{});
    });
  });
  return y;
}

Tensor RmsNorm(const Tensor& x, const Tensor& w, float eps) {
  Tensor y = Tensor::Empty(x.shape(), x.dtype(), Device::kCuda);
  WithGpuFloat(x.dtype(), [&]<typename T>(T) {
    LaunchChained(RmsNormKernel<T>, RowCount(x), ThreadsFor(x.dim(-1)), 0, x.gpu_data<T>(), nullptr, w.gpu_data<T>(),
                  nullptr, y.mutable_gpu_data<T>(), Int(x.dim(-1)), eps);
  });
  return y;
}

std::pair<Tensor, Tensor> AddRmsNorm(const Tensor& x, const Tensor& d, const Tensor& w, float eps) {
  Require(x.shape() == d.shape() && x.dtype() == d.dtype(), "GPU: a sum of {} {} and {} {}", Name(x.dtype()), x.shape(),
          Name(d.dtype()), d.shape());
  Tensor h = Tensor::Empty(x.shape(), x.dtype(), Device::kCuda), y = Tensor::Empty(x.shape(), x.dtype(), Device::kCuda);
  WithGpuFloat(x.dtype(), [&]<typename T>(T) {
    LaunchChained(RmsNormKernel<T>, RowCount(x), ThreadsFor(x.dim(-1)), 0, x.gpu_data<T>(), d.gpu_data<T>(),
                  w.gpu_data<T>(), h.mutable_gpu_data<T>(), y.mutable_gpu_data<T>(), Int(x.dim(-1)), eps);
  });
  return {h, y};
}

Tensor LayerNorm(const Tensor& x, const Tensor& w, const Tensor& b, float eps) {
  Tensor y = Tensor::Empty(x.shape(), x.dtype(), Device::kCuda);
  WithGpuFloat(x.dtype(), [&]<typename T>(T) {
    LaunchChained(LayerNormKernel<T>, RowCount(x), ThreadsFor(x.dim(-1)), 0, x.gpu_data<T>(), w.gpu_data<T>(),
                  b ? b.gpu_data<T>() : nullptr, y.mutable_gpu_data<T>(), Int(x.dim(-1)), eps);
  });
  return y;
}

Tensor Slice(const Tensor& x, int axis, int64_t begin, int64_t end) {
  axis = x.shape().Axis(axis);
  Tensor y = Tensor::Empty(x.shape().With(axis, end - begin), x.dtype(), Device::kCuda);
  int64_t inner = 1;
  for (int i = axis + 1; i < x.rank(); ++i) inner *= x.dim(i);
  const int64_t stride = x.dim(axis) * inner, to = (end - begin) * inner;
  if (y.numel() == 0) return y;
  WithGpuFloat(x.dtype(), [&]<typename T>(T) {
    LaunchChained(ColumnsKernel<T>, x.numel() / stride, ThreadsFor(to), 0, x.gpu_data<T>(), y.mutable_gpu_data<T>(),
                  stride, begin * inner, stride, to);
  });
  return y;
}

Tensor WithHeadDim(const Tensor& x, int64_t dim) {
  Tensor y = Tensor::Empty(x.shape().With(-1, dim), x.dtype(), Device::kCuda);
  WithGpuFloat(x.dtype(), [&]<typename T>(T) {
    LaunchChained(ColumnsKernel<T>, RowCount(x), ThreadsFor(dim), 0, x.gpu_data<T>(), y.mutable_gpu_data<T>(),
                  x.dim(-1), int64_t{0}, x.dim(-1), dim);
  });
  return y;
}

Tensor Concat(std::span<const Tensor> parts) {
  int64_t rows = 0, bytes = 0;
  for (const Tensor& part : parts) rows += part.dim(0);
  Tensor y = Tensor::Empty(parts[0].shape().With(0, rows), parts[0].dtype(), Device::kCuda);
  for (const Tensor& part : parts) {
    if (part.numel() == 0) continue;
    gpu::CopyWithin(y.mutable_gpu_data<std::byte>() + bytes, part.gpu_data<std::byte>(), part.bytes());
    bytes += part.bytes();
  }
  return y;
}

Tensor GatherRows(const Tensor& x, const Tensor& rows) {
  Tensor y = Tensor::Empty(x.shape().With(0, rows.dim(0)), x.dtype(), Device::kCuda);
  const int64_t width = x.shape().Without(0).numel();
  WithGpuFloat(x.dtype(), [&]<typename T>(T) {
    LaunchChained(GatherKernel<T>, rows.dim(0), ThreadsFor(width), 0, x.gpu_data<T>(), rows.gpu_data<int64_t>(),
                  y.mutable_gpu_data<T>(), width);
  });
  return y;
}

std::pair<Tensor, Tensor> RotaryTables(const Tensor& positions, std::span<const float> frequencies,
                                       std::span<const size_t> axes, float factor) {
  Require(std::ssize(frequencies) <= kMostPairs && frequencies.size() == axes.size(),
          "rotary on the GPU: {} pairs of a head; up to {} are supported", frequencies.size(), kMostPairs);
  RotaryFrequencies f{.pairs = Int(std::ssize(frequencies)), .factor = factor};
  for (size_t i = 0; i < frequencies.size(); ++i)
    f.of_pair[i] = frequencies[i], f.axis[i] = static_cast<uint8_t>(axes[i]);
  const int64_t rows = positions.dim(-1);
  const Shape shape{rows, std::ssize(frequencies)};
  Tensor cos = Tensor::Empty(shape, DType::kF32, Device::kCuda), sin = Tensor::Empty(shape, DType::kF32, Device::kCuda);
  LaunchChained(TablesKernel, rows, ThreadsFor(f.pairs), 0, positions.gpu_data<int64_t>(), f,
                cos.mutable_gpu_data<float>(), sin.mutable_gpu_data<float>());
  return {cos, sin};
}

Tensor Rotary(const Tensor& x, const Tensor& cos, const Tensor& sin, const RotaryOptions& options) {
  Tensor y = Tensor::Empty(x.shape(), x.dtype(), Device::kCuda);
  const RotaryAngles angles{cos.gpu_data<float>(), sin.gpu_data<float>(), Int(cos.dim(1)),
                            options.layout == RotaryLayout::kHalves, options.backwards};
  WithGpuFloat(x.dtype(), [&]<typename T>(T) {
    LaunchChained(RotaryKernel<T>, x.dim(0), kRowThreads, 0, x.gpu_data<T>(), y.mutable_gpu_data<T>(), Int(x.dim(1)),
                  Int(x.dim(2)), angles);
  });
  return y;
}

Tensor LikeliestKeys(const Tensor& logits) {
  constexpr int kParts = 32;
  Tensor keys = Tensor::Empty({logits.dim(0)}, DType::kI64, Device::kCuda);
  gpu::FillZeros(keys.mutable_gpu_data<std::byte>(), keys.bytes());
  LaunchChained(LikeliestKernel, logits.dim(0) * kParts, kThreads, 0, logits.gpu_data<float>(), Int(logits.dim(1)),
                kParts, reinterpret_cast<uint64_t*>(keys.mutable_gpu_data<int64_t>()));
  return keys;
}

}  // namespace tessera::kernels::cuda
