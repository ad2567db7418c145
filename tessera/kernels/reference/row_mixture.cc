#include "tessera/kernels/reference/row_mixture.h"

#include "tessera/kernels/float_types.h"

namespace tessera::kernels::reference {

Tensor MixRows(const Tensor& x, const RowMixture& mixture) {
  const int64_t M = mixture.outputs(), C = x.dim(1);
  Tensor y = Tensor::Empty({M, C}, x.dtype());
  WithFloatType(x.dtype(), "mix_rows", [&]<typename T>(T) {
    using Sum = ComputeType<T>;
    const auto in = x.data<T>();
    const auto out = y.mutable_data<T>();
    for (int64_t m = 0; m < M; ++m) {
      for (int64_t c = 0; c < C; ++c) {
        Sum sum = 0;
        for (int64_t i = mixture.begin[m]; i < mixture.begin[m + 1]; ++i)
          sum += static_cast<Sum>(mixture.weights[i]) * Sum(in[mixture.rows[i] * C + c]);
        out[m * C + c] = T(sum);
      }
    }
  });
  return y;
}

}  // namespace tessera::kernels::reference
