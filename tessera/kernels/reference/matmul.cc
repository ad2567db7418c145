#include "tessera/kernels/matmul.h"

#include <vector>

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/packed_weight.h"

namespace tessera::kernels::reference {
namespace {

template <typename T>
double ValueAt(const Tensor& x, int64_t row, int64_t col) {
  const T value = reinterpret_cast<const T*>(x.raw())[row * x.stride(0) + col * x.stride(1)];
  if constexpr (std::is_arithmetic_v<T>)
    return static_cast<double>(value);
  else
    return static_cast<float>(value);
}

// Row `row` of x [rows, K] in double.
void ReadRow(const Tensor& x, int64_t row, std::vector<double>& out) {
  const int64_t length = x.dim(1);
  out.resize(static_cast<size_t>(length));
  const auto fill = [&]<typename T>(T) {
    for (int64_t k = 0; k < length; ++k) out[static_cast<size_t>(k)] = ValueAt<T>(x, row, k);
  };
  if (x.packed() || IsQuantized(x.dtype())) {
    std::vector<float> values(out.size());
    ReadWeightRow(x, row, values);
    out.assign(values.begin(), values.end());
  } else if (x.dtype() == DType::kF64) {
    fill(double{});
  } else if (x.dtype() == DType::kF32) {
    fill(float{});
  } else if (x.dtype() == DType::kBF16) {
    fill(BFloat16{});
  } else {
    Require(x.dtype() == DType::kF16, "product: {} values cannot be multiplied", Name(x.dtype()));
    fill(Float16{});
  }
}

}  // namespace

Tensor Product(const Tensor& a, const Tensor& b) {
  const int64_t rows = a.dim(0), outputs = b.dim(0);
  Tensor y = Tensor::Empty({rows, outputs}, DType::kF64);
  const auto out = y.mutable_data<double>();
  std::vector<std::vector<double>> a_rows(static_cast<size_t>(rows));
  for (int64_t i = 0; i < rows; ++i) ReadRow(a, i, a_rows[static_cast<size_t>(i)]);
  ParallelForRange(outputs, 16, [&](int64_t begin, int64_t end) {
    std::vector<double> b_row;
    for (int64_t n = begin; n < end; ++n) {
      ReadRow(b, n, b_row);
      for (int64_t i = 0; i < rows; ++i) {
        double sum = 0;
        for (size_t k = 0; k < b_row.size(); ++k) sum += a_rows[static_cast<size_t>(i)][k] * b_row[k];
        out[static_cast<size_t>(i * outputs + n)] = sum;
      }
    }
  });
  return y;
}

}  // namespace tessera::kernels::reference
