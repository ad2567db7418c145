// Convolution as products: the values under each window become a row ("im2col"), and a row times the weights is the
// window's result. Rows are made for a tile of windows at a time, so the memory for them stays bounded. In f32 they are
// never made: what lies under some windows goes straight into the groups of rows that the inner loops read.
//
//   cols [P, K]   K = U V I: row, column, channel, so that what is neighbour in a picture is copied at once
//   w'   [O, K]   the weights in that order
//   y  = cols w'ᵀ        dcols = dy w', added back into dx        dw' = Σ over tiles of dyᵀ cols

#include "tessera/kernels/convolution.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/cpu/product_operand.h"
#include "tessera/kernels/cpu/row_grain.h"
#include "tessera/kernels/cpu/row_groups.h"
#include "tessera/kernels/cpu/transpose_words.h"
#include "tessera/kernels/matmul.h"
#include "tessera/kernels/packed_weight.h"
#include "tessera/kernels/reference/convolution.h"
#include "tessera/kernels/view.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tessera/kernels/cpu/convolution.cc"
#include "tessera/kernels/cpu/targets.h"
// after targets.h:
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tessera/kernels/cpu/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;
using lanes::Vector;

// y = sums + bias over rows of n values; bias may be null.
void StoreSums(DType dtype, int64_t rows, int64_t n, const float* sums, const std::byte* bias, std::byte* y) {
  lanes::WithType(dtype, [&]<typename T>(T) HWY_ATTR {
    const T* b = reinterpret_cast<const T*>(bias);
    T* out = reinterpret_cast<T*>(y);
    if (b == nullptr) {
      lanes::Map(
          rows * n, out, [](Vector s) HWY_ATTR { return s; }, sums);
      return;
    }
    for (int64_t row = 0; row < rows; ++row)
      lanes::Map(
          n, out + row * n, [](Vector s, Vector v) HWY_ATTR { return hn::Add(s, v); }, sums + row * n, b);
  });
}

// to += from
void AddValues(int64_t n, const float* from, float* to) {
  const float* old = to;
  lanes::Map(
      n, to, [](Vector a, Vector b) HWY_ATTR { return hn::Add(a, b); }, old, from);
}

}  // namespace
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {
namespace {

HWY_EXPORT(StoreSums);
HWY_EXPORT(AddValues);

constexpr int64_t kTileBytes = int64_t{16} << 20;    // of cols: beyond the caches, where products are already fast
constexpr int64_t kGroupedBytes = int64_t{2} << 20;  // of groups of rows: enough for all threads

// The sizes of a convolution, and where the values under a window lie.
struct Places {
  int64_t H, W, I, out_rows, out_columns, U, V, windows;
  ConvolutionWindow window;

  Places(const Shape& x, const Shape& w, const ConvolutionWindow& at)
      : H(x[1]),
        W(x[2]),
        I(x[3]),
        out_rows(at.Rows(x[1], w[2])),
        out_columns(at.Columns(x[2], w[3])),
        U(w[2]),
        V(w[3]),
        windows(x[0] * out_rows * out_columns),
        window(at) {}

  int64_t K() const { return U * V * I; }
  int64_t Tile(int64_t bytes = kTileBytes) const {
    return std::clamp<int64_t>(bytes / (K() * 4), 64, std::max<int64_t>(64, windows));
  }
  // A window is its pixel: the rows of x are cols already.
  bool pointwise() const {
    return U * V == 1 && window.stride == 1 && window.top + window.left + window.bottom + window.right == 0;
  }

  // Of a row of the kernel over a window: taps begin … end - 1 lie in the picture, on pixels `pixel` and on of x.
  struct Run {
    int64_t pixel, begin, end;
  };
  Run Under(int64_t at, int64_t u) const {
    const int64_t b = at / (out_rows * out_columns), i = at / out_columns % out_rows, j = at % out_columns;
    const int64_t row = i * window.stride + u - window.top, left = j * window.stride - window.left;
    const int64_t begin = std::clamp<int64_t>(-left, 0, V), end = std::clamp<int64_t>(W - left, begin, V);
    if (row < 0 || row >= H || begin == end) return {0, V, V};
    return {(b * H + row) * W + left + begin, begin, end};
  }

  // Calls body(first pixel of a run in x or -1, its first tap, taps in it) for the runs of a window's rows that lie
  // inside the picture (pixel >= 0) and outside.
  template <typename Body>
  void EachRun(int64_t at, const Body& body) const {
    for (int64_t u = 0; u < U; ++u) {
      const Run run = Under(at, u);
      if (run.begin > 0) body(-1, u * V, run.begin);
      if (run.end > run.begin) body(run.pixel, u * V + run.begin, run.end - run.begin);
      if (run.end < V) body(-1, u * V + run.end, V - run.end);
    }
  }
};

// The rows of windows begin … end - 1, in x's dtype.
Tensor Columns(const Tensor& x, const Places& places, int64_t begin, int64_t end) {
  const int64_t size = Info(x.dtype()).block_bytes, pixel = places.I * size, row_bytes = places.K() * size;
  if (places.pointwise()) {
    return x.Reshape({places.windows, places.I}).Slice(0, begin, end);
  }
  Tensor cols = Tensor::Empty({end - begin, places.K()}, x.dtype());
  std::byte* out = cols.mutable_raw();
  ParallelForRange(end - begin, RowGrain(places.K()), [&](int64_t first, int64_t last) {
    for (int64_t p = first; p < last; ++p) {
      places.EachRun(begin + p, [&](int64_t from, int64_t tap, int64_t taps) {
        std::byte* to = out + p * row_bytes + tap * pixel;
        const auto bytes = static_cast<size_t>(taps * pixel);
        if (from < 0)
          std::memset(to, 0, bytes);
        else
          std::memcpy(to, x.raw() + from * pixel, bytes);
      });
    }
  });
  return cols;
}

// dx += what dcols [P, K] says of windows begin … begin + P - 1. Threads share the channels, so the order of the sums
// is that of the windows.
void AddColumns(const Tensor& dcols, const Places& places, int64_t begin, float* dx) {
  const float* from = dcols.data<float>().data();
  const auto add = TESSERA_DISPATCH(AddValues);
  ParallelForRange(places.I, 16, [&](int64_t first, int64_t last) {
    for (int64_t p = 0; p < dcols.dim(0); ++p) {
      places.EachRun(begin + p, [&](int64_t pixel, int64_t tap, int64_t taps) {
        for (int64_t t = 0; pixel >= 0 && t < taps; ++t)
          add(last - first, from + p * places.K() + (tap + t) * places.I + first, dx + (pixel + t) * places.I + first);
      });
    }
  });
}

// w [O, I, U, V] as [O, K]
Tensor ByTap(const Tensor& w) {
  const int64_t O = w.dim(0), I = w.dim(1), taps = w.dim(2) * w.dim(3);
  if (taps == 1) return w.Reshape({O, I});
  return Transpose(w.Reshape({O, I, taps}), 1, 2).Reshape({O, taps * I});
}

// The same rows of x in f32, in groups (kernels/cpu/product_kernels.h).
void GroupWindows(const Tensor& x, const Places& places, int64_t begin, const RowGroups& groups, std::byte* out) {
  const int64_t row_values = places.V * places.I;
  const float* values = x.data<float>().data();
  const std::vector<float> zeros(static_cast<size_t>(row_values));
  ParallelFor(groups.count(), [&](int64_t g) {
    const int64_t first = groups.begin(g), count = groups.size(g);
    std::vector<float> cut;  // rows that reach over a border
    for (int64_t u = 0; u < places.U; ++u) {
      const std::byte* rows[kMostRows];
      cut.clear();
      cut.reserve(static_cast<size_t>(count * row_values));
      for (int64_t r = 0; r < count; ++r) {
        const Places::Run run = places.Under(begin + first + r, u);
        const float *from = values + run.pixel * places.I, *row = from;
        if (run.begin == run.end) {
          row = zeros.data();
        } else if (run.end - run.begin < places.V) {
          row = cut.data() + cut.size();
          cut.resize(cut.size() + static_cast<size_t>(run.begin * places.I));
          cut.insert(cut.end(), from, from + (run.end - run.begin) * places.I);
          cut.resize(cut.size() + static_cast<size_t>((places.V - run.end) * places.I));
        }
        rows[r] = reinterpret_cast<const std::byte*>(row);
      }
      TransposeWords(rows, static_cast<int>(count), row_values, count,
                     out + (first * places.K() + u * row_values * count) * 4);
    }
  });
}

bool IsDouble(const Tensor& x) { return x.dtype() == DType::kF64; }

// y = sums + bias over `rows` rows of O values; `y` may be `sums`, and the bias undefined.
void StoreRows(DType dtype, int64_t rows, int64_t O, const float* sums, const Tensor& bias, std::byte* y) {
  const auto store = TESSERA_DISPATCH(StoreSums);
  const int64_t row_bytes = O * Info(dtype).block_bytes;
  ParallelForRange(rows, RowGrain(O), [&](int64_t first, int64_t last) {
    store(dtype, last - first, O, sums + first * O, bias ? bias.raw() : nullptr, y + first * row_bytes);
  });
}

void ConvolveFloats(const Tensor& x, const Tensor& weight, const Tensor& bias, const Places& places, Tensor& y) {
  const int64_t O = weight.dim(0);
  float* out = y.mutable_data<float>().data();
  bool finished = true;
  for (int64_t begin = 0; begin < places.windows; begin += places.Tile(kGroupedBytes)) {
    const int64_t rows = std::min(places.Tile(kGroupedBytes), places.windows - begin);
    ProductOperand operand = OperandFor(rows, x.dtype(), weight, ProductPrecision::kFast);
    std::byte* groups = ThreadScratch(Scratch::kActivations, operand.bytes(rows));
    operand.data = groups;
    GroupWindows(x, places, begin, {rows, operand.max_rows}, groups);
    ProductJob job{.rows = rows, .y = out + begin * O};
    if (bias) job.finish = {.bias = bias.data<float>().data(), .y = reinterpret_cast<std::byte*>(job.y), .y_stride = O};
    AddWeight(weight, operand, job);
    finished = job.finish.y != nullptr;
    RunProductJobs({&job, 1});
  }
  if (bias && !finished) StoreRows(DType::kF32, places.windows, O, out, bias, reinterpret_cast<std::byte*>(out));
}

}  // namespace

Tensor Convolve(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvolutionWindow& window) {
  if (IsDouble(x)) return reference::Convolve(x, w, bias, window);
  const Places places(x.shape(), w.shape(), window);
  const int64_t O = w.dim(0), size = Info(x.dtype()).block_bytes;
  Tensor y = Tensor::Empty({x.dim(0), places.out_rows, places.out_columns, O}, x.dtype());
  if (y.numel() == 0) return y;
  const Tensor weight = PackWeight(ByTap(w));
  if (x.dtype() == DType::kF32 && weight.dtype() == DType::kF32 && (!bias || bias.dtype() == DType::kF32)) {
    ConvolveFloats(x.Contiguous(), weight, bias, places, y);
    return y;
  }
  std::byte* out = y.mutable_raw();
  for (int64_t begin = 0; begin < places.windows; begin += places.Tile()) {
    const int64_t end = std::min(places.windows, begin + places.Tile());
    const Tensor sums = Product(Columns(x, places, begin, end), weight);
    StoreRows(x.dtype(), end - begin, O, sums.data<float>().data(), bias, out + begin * O * size);
  }
  return y;
}

Tensor ConvolutionInputGradient(const Tensor& dy, const Tensor& w, const Shape& x_shape,
                                const ConvolutionWindow& window) {
  if (IsDouble(dy)) return reference::ConvolutionInputGradient(dy, w, x_shape, window);
  const Places places(x_shape, w.shape(), window);
  Tensor dx = Tensor::Zeros(x_shape);
  if (dx.numel() == 0 || dy.numel() == 0) return dx.To(dy.dtype());
  const Tensor rows = dy.Reshape({places.windows, w.dim(0)});
  const Tensor weight = ByTap(w).Transpose(0, 1).Contiguous();
  float* out = dx.mutable_data<float>().data();
  for (int64_t begin = 0; begin < places.windows; begin += places.Tile()) {
    const int64_t end = std::min(places.windows, begin + places.Tile());
    AddColumns(Product(rows.Slice(0, begin, end), weight), places, begin, out);
  }
  return dx.To(dy.dtype());
}

Tensor ConvolutionWeightGradient(const Tensor& dy, const Tensor& x, const Shape& w_shape,
                                 const ConvolutionWindow& window) {
  if (IsDouble(dy)) return reference::ConvolutionWeightGradient(dy, x, w_shape, window);
  const Places places(x.shape(), w_shape, window);
  const int64_t O = w_shape[0], K = places.K(), taps = places.U * places.V;
  Tensor sum = Tensor::Zeros({O, K});
  const Tensor rows = dy.Reshape({places.windows, O});
  const auto add = TESSERA_DISPATCH(AddValues);
  for (int64_t begin = 0; begin < places.windows && sum.numel() > 0; begin += places.Tile()) {
    const int64_t end = std::min(places.windows, begin + places.Tile());
    const Tensor part =
        Product(rows.Slice(0, begin, end).Transpose(0, 1), Columns(x, places, begin, end).Transpose(0, 1));
    add(sum.numel(), part.data<float>().data(), sum.mutable_data<float>().data());
  }
  return Transpose(sum.Reshape({O, taps, places.I}), 1, 2).Reshape(w_shape).To(dy.dtype());
}

}  // namespace tessera::kernels
#endif
