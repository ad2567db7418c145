#include "tessera/kernels/reference/rotary.h"

#include "tessera/kernels/float_types.h"

namespace tessera::kernels::reference {

Tensor Rotary(const Tensor& x, const Tensor& cos, const Tensor& sin, const RotaryOptions& options) {
  const int64_t rows = x.dim(0), heads = x.dim(1), size = x.dim(2), pairs = cos.dim(1);
  const bool halves = options.layout == RotaryLayout::kHalves;
  Tensor y = x.Clone();
  WithFloatType(x.dtype(), "rotary", [&]<typename T>(T) {
    using C = ComputeType<T>;
    const auto in = x.data<T>();
    const auto out = y.mutable_data<T>();
    for (int64_t head = 0; head < rows * heads; ++head) {
      for (int64_t i = 0; i < pairs; ++i) {
        const int64_t angle = head / heads * pairs + i;
        const C c(cos.data<float>()[angle]);
        const C s(options.backwards ? -sin.data<float>()[angle] : sin.data<float>()[angle]);
        const int64_t at = head * size + (halves ? i : 2 * i), partner = at + (halves ? pairs : 1);
        const C a(in[at]), b(in[partner]);
        out[at] = T(a * c - b * s);
        out[partner] = T(b * c + a * s);
      }
    }
  });
  return y;
}

}  // namespace tessera::kernels::reference
