#include "tessera/kernels/reference/quantize_blocks.h"

#include <algorithm>
#include <cmath>

namespace tessera::kernels::reference {
namespace {

// 1/d; 0 when d is 0 or so small that 1/d overflows: f16 rounds such a scale to 0, so the codes do not matter.
float Inverse(float d) {
  const float inverse = d == 0 ? 0.0f : 1.0f / d;
  return std::isfinite(inverse) ? inverse : 0.0f;
}

// The first value of the greatest magnitude.
float Extreme(const float* x, int n) {
  return *std::max_element(x, x + n, [](float a, float b) { return std::fabs(a) < std::fabs(b); });
}

// ⌊y⌋ as a code of 0 … max; NaN, from a scale that overflowed, gives 0.
uint8_t Code(float y, int max) {
  return y > 0 ? static_cast<uint8_t>(std::min(y, static_cast<float>(max))) : uint8_t{0};
}

// Codes of 4 or 5 bits: low nibbles paired 16 apart, fifth bits in a mask.
void Pack(const uint8_t* q, uint8_t* qs) {
  for (int j = 0; j < 16; ++j) qs[j] = static_cast<uint8_t>((q[j] & 15) | (q[j + 16] & 15) << 4);
}
void PackHigh(const uint8_t* q, uint8_t* qh) {
  for (int k = 0; k < 4; ++k) {
    int bits = 0;
    for (int j = 0; j < 8; ++j) bits |= (q[8 * k + j] >> 4) << j;
    qh[k] = static_cast<uint8_t>(bits);
  }
}

// q = ⌊x / d + half + ½⌋ with d = x* / -half.
Float16 SymmetricCodes(const float* x, int half, uint8_t* q) {
  const float d = Extreme(x, kSmallBlock) / static_cast<float>(-half), inverse = Inverse(d);
  for (int i = 0; i < kSmallBlock; ++i) q[i] = Code(x[i] * inverse + (static_cast<float>(half) + 0.5f), 2 * half - 1);
  return Float16(d);
}

struct ScaleMin {
  Float16 d, m;
};

// q = ⌊(x - min) / d + ½⌋ with d = (max - min) / levels.
ScaleMin AffineCodes(const float* x, int levels, uint8_t* q) {
  const auto [min, max] = std::minmax_element(x, x + kSmallBlock);
  const float d = (*max - *min) / static_cast<float>(levels), inverse = Inverse(d);
  for (int i = 0; i < kSmallBlock; ++i) q[i] = Code((x[i] - *min) * inverse + 0.5f, levels);
  return {Float16(d), Float16(*min)};
}

}  // namespace

void QuantizeBlock(const float* x, BlockQ4_0& block) {
  uint8_t q[kSmallBlock];
  block.d = SymmetricCodes(x, 8, q);
  Pack(q, block.qs);
}

void QuantizeBlock(const float* x, BlockQ4_1& block) {
  uint8_t q[kSmallBlock];
  const ScaleMin scale = AffineCodes(x, 15, q);
  block.d = scale.d;
  block.m = scale.m;
  Pack(q, block.qs);
}

void QuantizeBlock(const float* x, BlockQ5_0& block) {
  uint8_t q[kSmallBlock];
  block.d = SymmetricCodes(x, 16, q);
  Pack(q, block.qs);
  PackHigh(q, block.qh);
}

void QuantizeBlock(const float* x, BlockQ5_1& block) {
  uint8_t q[kSmallBlock];
  const ScaleMin scale = AffineCodes(x, 31, q);
  block.d = scale.d;
  block.m = scale.m;
  Pack(q, block.qs);
  PackHigh(q, block.qh);
}

void QuantizeBlock(const float* x, BlockQ8_0& block) {
  const float d = std::fabs(Extreme(x, kSmallBlock)) / 127, inverse = Inverse(d);
  for (int i = 0; i < kSmallBlock; ++i) block.qs[i] = static_cast<int8_t>(std::round(x[i] * inverse));
  block.d = Float16(d);
}

void QuantizeBlock(const float* x, BlockQ8_K& block) {
  const float d = std::fabs(Extreme(x, kSuperBlock)) / 127, inverse = Inverse(d);
  std::fill(std::begin(block.bsums), std::end(block.bsums), int16_t{0});
  for (int i = 0; i < kSuperBlock; ++i) {
    block.qs[i] = static_cast<int8_t>(std::round(x[i] * inverse));
    block.bsums[i / 16] = static_cast<int16_t>(block.bsums[i / 16] + block.qs[i]);
  }
  block.d = d;
}

}  // namespace tessera::kernels::reference
