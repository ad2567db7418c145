#include "tessera/image/resize.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "tessera/core/thread_pool.h"
#include "tessera/image/resample_u8.h"

namespace tessera::image {
namespace {

double Bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

double Sinc(double x) { return x == 0 ? 1 : std::sin(std::numbers::pi * x) / (std::numbers::pi * x); }

double Lanczos3(double x) { return -3 <= x && x < 3 ? Sinc(x) * Sinc(x / 3) : 0; }

// Which inputs an output is made of, and how much of each.
struct Taps {
  int64_t first = 0, count = 0;
  const double* weights = nullptr;
};

struct AxisFilter {
  std::vector<int64_t> first, count;
  std::vector<double> weights;  // `width` an output
  int64_t width = 0;

  Taps at(int64_t i) const {
    const auto index = static_cast<size_t>(i);
    return {first[index], count[index], weights.data() + i * width};
  }
};

AxisFilter MakeFilter(int64_t in, int64_t out, double support, double (*f)(double)) {
  const double scale = static_cast<double>(in) / static_cast<double>(out), widened = std::max(scale, 1.0);
  const double reach = support * widened;
  AxisFilter filter;
  filter.width = static_cast<int64_t>(std::ceil(reach)) * 2 + 1;
  filter.weights.assign(static_cast<size_t>(out * filter.width), 0);
  for (int64_t i = 0; i < out; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    const int64_t first = std::max<int64_t>(0, static_cast<int64_t>(centre - reach + 0.5)),
                  last = std::min(in, static_cast<int64_t>(centre + reach + 0.5));
    double* weights = filter.weights.data() + i * filter.width;
    double sum = 0;
    for (int64_t j = first; j < last; ++j) {
      weights[j - first] = f((static_cast<double>(j) - centre + 0.5) * (1 / widened));
      sum += weights[j - first];
    }
    if (sum != 0)
      for (int64_t j = 0; j < last - first; ++j) weights[j] /= sum;
    filter.first.push_back(first);
    filter.count.push_back(last - first);
  }
  return filter;
}

AxisFilter MakeFilter(int64_t in, int64_t out, ResizeFilter filter) {
  if (filter == ResizeFilter::kLanczos) return MakeFilter(in, out, 3, Lanczos3);
  return MakeFilter(in, out, 2, Bicubic);
}

// Weights as 8-bit pixels use them: rounded to kWeightBits after the point, or as they are for floats.
std::vector<int32_t> Arranged(const AxisFilter& filter, uint8_t) {
  std::vector<int32_t> fixed;
  for (const double weight : filter.weights)
    fixed.push_back(static_cast<int32_t>(weight * (1 << kWeightBits) + (weight < 0 ? -0.5 : 0.5)));
  return fixed;
}

std::vector<float> Arranged(const AxisFilter& filter, float) { return {filter.weights.begin(), filter.weights.end()}; }

uint8_t Rounded(int32_t sum, uint8_t) { return static_cast<uint8_t>(std::clamp(sum >> kWeightBits, 0, 255)); }
float Rounded(float sum, float) { return sum; }

template <typename T>
using Sum = std::conditional_t<std::is_same_v<T, uint8_t>, int32_t, float>;

template <typename T>
constexpr Sum<T> kHalf = std::is_same_v<T, uint8_t> ? 1 << (kWeightBits - 1) : 0;

// Every row of [rows, in · C] to [rows, out · C].
template <typename T, int C>
void AlongRows(const T* from, T* to, int64_t rows, int64_t in, const AxisFilter& filter) {
  const int64_t out = std::ssize(filter.first);
  const auto weights = Arranged(filter, T{});
  ParallelForRange(rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y) {
      for (int64_t x = 0; x < out; ++x) {
        const Taps taps = filter.at(x);
        const T* pixel = from + (y * in + taps.first) * C;
        const Sum<T>* w = weights.data() + x * filter.width;
        Sum<T> sum[C];
        std::fill_n(sum, C, kHalf<T>);
        for (int64_t j = 0; j < taps.count; ++j, pixel += C)
          for (int c = 0; c < C; ++c) sum[c] += pixel[c] * w[j];
        for (int c = 0; c < C; ++c) to[(y * out + x) * C + c] = Rounded(sum[c], T{});
      }
    }
  });
}

// The same for RGB pixels of 8 bits, sooner. The last row is left to the plain loop, which reads nothing beyond it.
void AlongRgbRows(const uint8_t* from, uint8_t* to, int64_t rows, int64_t in, const AxisFilter& filter) {
  const int64_t out = std::ssize(filter.first);
  const auto weights = Arranged(filter, uint8_t{});
  const FixedTaps taps{filter.first.data(), filter.count.data(), weights.data(), filter.width, out};
  ParallelForRange(rows - 1, 16, [&](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y) ResampleRgbRow(from + y * in * 3, taps, to + y * out * 3);
  });
  AlongRows<uint8_t, 3>(from + (rows - 1) * in * 3, to + (rows - 1) * out * 3, 1, in, filter);
}

void AlongByteColumns(const uint8_t* from, uint8_t* to, int64_t row, const AxisFilter& filter) {
  const auto weights = Arranged(filter, uint8_t{});
  ParallelForRange(std::ssize(filter.first), 16, [&](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y) {
      const Taps taps = filter.at(y);
      BlendRows({from + taps.first * row, row, taps.count, weights.data() + y * filter.width}, row, to + y * row);
    }
  });
}

// Each row of the result from whole rows of [in, row].
void AlongColumns(const float* from, float* to, int64_t row, const AxisFilter& filter) {
  ParallelForRange(std::ssize(filter.first), 16, [&](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y) {
      const Taps taps = filter.at(y);
      std::fill_n(to + y * row, row, 0.0f);
      for (int64_t j = 0; j < taps.count; ++j) {
        const float* line = from + (taps.first + j) * row;
        const auto weight = static_cast<float>(taps.weights[j]);
        for (int64_t x = 0; x < row; ++x) to[y * row + x] += line[x] * weight;
      }
    }
  });
}

// The rows first, then the columns; an axis that keeps its length is left alone.
template <typename T>
Tensor ResizeBoth(const Tensor& image, const ImageSize& size, const AxisFilter& columns, const AxisFilter& rows) {
  const int64_t H = image.dim(0), W = image.dim(1), C = image.dim(2);
  Tensor wide = image;
  if (size.width != W) {
    wide = Tensor::Empty({H, size.width, C}, image.dtype());
    const T* from = image.data<T>().data();
    T* to = wide.mutable_data<T>().data();
    if constexpr (std::is_same_v<T, uint8_t>) {
      C == 3 ? AlongRgbRows(from, to, H, W, columns) : AlongRows<uint8_t, 4>(from, to, H, W, columns);
    } else if (C == 3) {
      AlongRows<T, 3>(from, to, H, W, columns);
    } else if (C == 4) {
      AlongRows<T, 4>(from, to, H, W, columns);
    } else {  // each pixel's channels as so many rows of one channel
      const Tensor planes = image.Transpose(1, 2).Contiguous();
      Tensor resized = Tensor::Empty({H, C, size.width}, image.dtype());
      AlongRows<T, 1>(planes.data<T>().data(), resized.mutable_data<T>().data(), H * C, W, columns);
      wide = resized.Transpose(1, 2).Contiguous();
    }
  }
  if (size.height == H) return wide;
  Tensor result = Tensor::Empty({size.height, size.width, C}, image.dtype());
  const T* from = wide.data<T>().data();
  T* to = result.mutable_data<T>().data();
  if constexpr (std::is_same_v<T, uint8_t>)
    AlongByteColumns(from, to, size.width * C, rows);
  else
    AlongColumns(from, to, size.width * C, rows);
  return result;
}

void CheckFloats(const Tensor& values, const ImageSize& size) {
  Require(values.defined() && values.dtype() == DType::kF32 && values.rank() == 3 && values.contiguous() &&
              values.numel() > 0,
          "resize: the values must be f32 [H, W, C]");
  Require(size.height > 0 && size.width > 0, "resize: to {} x {}", size.width, size.height);
}

}  // namespace

Tensor Resize(const Tensor& picture, const ImageSize& size, ResizeFilter filter) {
  SizeOf(picture, "resize");
  Require(size.height > 0 && size.width > 0, "resize: to {} x {} pixels", size.width, size.height);
  return ResizeBoth<uint8_t>(picture, size, MakeFilter(picture.dim(1), size.width, filter),
                             MakeFilter(picture.dim(0), size.height, filter));
}

Tensor ResizeFloat(const Tensor& values, const ImageSize& size) {
  CheckFloats(values, size);
  return ResizeBoth<float>(values, size, MakeFilter(values.dim(1), size.width, ResizeFilter::kBicubic),
                           MakeFilter(values.dim(0), size.height, ResizeFilter::kBicubic));
}

}  // namespace tessera::image
