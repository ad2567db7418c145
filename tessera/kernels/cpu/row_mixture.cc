#include "tessera/kernels/row_mixture.h"

#include <algorithm>

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/cpu/row_grain.h"
#include "tessera/kernels/float_types.h"
#include "tessera/kernels/reference/row_mixture.h"

namespace tessera::kernels {

// Term by term over a whole row, which compilers turn into vectors; the sums are the plain ones.
Tensor MixRows(const Tensor& x, const RowMixture& mixture) {
  if (x.dtype() == DType::kF64) return reference::MixRows(x, mixture);
  const int64_t M = mixture.outputs(), C = x.dim(1);
  Tensor y = Tensor::Empty({M, C}, x.dtype());
  WithFloatType(x.dtype(), "mix_rows", [&]<typename T>(T) {
    const T* in = x.data<T>().data();
    T* out = y.mutable_data<T>().data();
    ParallelForRange(M, RowGrain(C), [&](int64_t begin, int64_t end) {
      std::vector<float> sum(static_cast<size_t>(C));
      for (int64_t m = begin; m < end; ++m) {
        std::ranges::fill(sum, 0.0f);
        for (int64_t i = mixture.begin[m]; i < mixture.begin[m + 1]; ++i) {
          const T* row = in + mixture.rows[i] * C;
          const auto weight = static_cast<float>(mixture.weights[i]);
          for (int64_t c = 0; c < C; ++c) sum[c] += weight * static_cast<float>(row[c]);
        }
        for (int64_t c = 0; c < C; ++c) out[m * C + c] = T(sum[c]);
      }
    });
  });
  return y;
}

RowMixture Transposed(const RowMixture& mixture, int64_t count) {
  RowMixture t;
  t.begin.assign(static_cast<size_t>(count) + 1, 0);
  t.rows.resize(mixture.rows.size());
  t.weights.resize(mixture.rows.size());
  for (const int64_t row : mixture.rows) ++t.begin[row + 1];
  for (int64_t n = 0; n < count; ++n) t.begin[n + 1] += t.begin[n];
  std::vector<int64_t> next(t.begin.begin(), t.begin.end() - 1);
  for (int64_t m = 0; m < mixture.outputs(); ++m) {
    for (int64_t i = mixture.begin[m]; i < mixture.begin[m + 1]; ++i) {
      const int64_t place = next[mixture.rows[i]]++;
      t.rows[place] = m;
      t.weights[place] = mixture.weights[i];
    }
  }
  return t;
}

}  // namespace tessera::kernels
