#include "tessera/kernels/reference/stochastic_rounding.h"

#include <bit>

#include "tessera/core/random.h"

namespace tessera::kernels::reference {

Tensor RoundStochastically(const Tensor& x, const RoundingNoise& noise) {
  Tensor y = Tensor::Empty(x.shape(), DType::kBF16);
  const auto in = x.data<float>();
  const auto out = y.mutable_data<BFloat16>();
  Random random(noise.seed, noise.stream);
  uint32_t word = 0;
  for (size_t i = 0; i < in.size(); ++i) {
    if (i % 2 == 0) word = random.Next();
    const uint32_t bits = i % 2 == 0 ? word & 0xFFFF : word >> 16, u = std::bit_cast<uint32_t>(in[i]);
    const bool nan = (u & 0x7FFFFFFF) > 0x7F800000;
    out[i].bits = static_cast<uint16_t>(nan ? (u >> 16) | 0x0040 : (u + bits) >> 16);
  }
  return y;
}

}  // namespace tessera::kernels::reference
