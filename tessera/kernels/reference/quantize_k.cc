#include "tessera/kernels/reference/quantize_k.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tessera/kernels/reference/quantize_blocks.h"
#include "tessera/kernels/reference/scale_search.h"

namespace tessera::kernels::reference {
namespace {

// w = rms + |x|
template <int N>
void Weights(const float* x, float* w) {
  const float rms = std::sqrt(LaneSum<N>([&](int i) { return x[i] * x[i]; }) / N);
  for (int i = 0; i < N; ++i) w[i] = rms + std::fabs(x[i]);
}

float ToF16(float value, Float16& stored) {
  stored = Float16(value);
  return static_cast<float>(stored);
}

// x[i] = d s[p] q[i] - dmin m[p] in parts of N values, s and m in 0 … scale_levels, q in 0 … levels.
struct AffineBlock {
  Float16 d, dmin;
  uint8_t s[16], m[16], q[kSuperBlock];
};

template <int N>
void FitAffineBlock(const float* x, int levels, int scale_levels, AffineBlock& block) {
  constexpr int kParts = kSuperBlock / N;
  const float top = static_cast<float>(scale_levels);
  float w[kSuperBlock];
  AffineFit fits[kParts];
  float max_a = 0, max_b = 0;
  for (int p = 0; p < kParts; ++p) {
    Weights<N>(x + N * p, w + N * p);
    fits[p] = FitAffine<N>(x + N * p, w + N * p, levels);
    max_a = std::max(max_a, fits[p].a);
    max_b = std::max(max_b, fits[p].b);
  }
  const float d = ToF16(max_a / top, block.d), dmin = ToF16(max_b / top, block.dmin);
  const float inverse_d = d != 0 ? 1 / d : 0.0f, inverse_dmin = dmin != 0 ? 1 / dmin : 0.0f;
  for (int p = 0; p < kParts; ++p) {
    const float* part = x + N * p;
    const float s0 = NearestCode(fits[p].a * inverse_d, 0, top), m0 = NearestCode(fits[p].b * inverse_dmin, 0, top);
    float least = std::numeric_limits<float>::infinity(), s = s0, m = m0;
    for (float s_try = std::max(s0 - 1, 0.0f); s_try <= std::min(s0 + 1, top); ++s_try) {
      for (float m_try = std::max(m0 - 1, 0.0f); m_try <= std::min(m0 + 1, top); ++m_try) {
        const float error = AffineError<N>(part, w + N * p, {d * s_try, dmin * m_try}, static_cast<float>(levels));
        if (error < least) {
          least = error;
          s = s_try;
          m = m_try;
        }
      }
    }
    block.s[p] = static_cast<uint8_t>(s);
    block.m[p] = static_cast<uint8_t>(m);
    const float scale = d * s, min = dmin * m, inverse = scale != 0 ? 1 / scale : 0.0f;
    for (int i = 0; i < N; ++i) {
      block.q[N * p + i] = static_cast<uint8_t>(NearestCode((part[i] + min) * inverse, 0, static_cast<float>(levels)));
    }
  }
}

// x[i] = d s[p] q[i] in parts of N values, s in -s_half … s_half - 1. The part's fit and error are given.
template <int N, typename Fit, typename ErrorOf>
Float16 FitPartScales(const float* x, int s_half, Fit&& fit, ErrorOf&& error_of, int8_t* s) {
  constexpr int kParts = kSuperBlock / N;
  float w[kSuperBlock], a[kParts];
  for (int p = 0; p < kParts; ++p) {
    Weights<N>(x + N * p, w + N * p);
    a[p] = fit(x + N * p, w + N * p);
  }
  float extreme = a[0];
  for (const float value : a) extreme = std::fabs(value) > std::fabs(extreme) ? value : extreme;
  const float h = static_cast<float>(s_half);
  Float16 stored;
  const float d = ToF16(extreme / -h, stored), inverse = d != 0 ? 1 / d : 0.0f;
  for (int p = 0; p < kParts; ++p) {
    const float s0 = NearestCode(a[p] * inverse, -h, h - 1);
    float least = std::numeric_limits<float>::infinity(), best = s0;
    for (float s_try = std::max(s0 - 1, -h); s_try <= std::min(s0 + 1, h - 1); ++s_try) {
      const float error = error_of(x + N * p, w + N * p, d * s_try);
      if (error < least) {
        least = error;
        best = s_try;
      }
    }
    s[p] = static_cast<int8_t>(best);
  }
  return stored;
}

// x[i] = d s[p] (q[i] - half) in parts of 16 values.
struct SymmetricBlock {
  Float16 d;
  int8_t s[16];
  uint8_t q[kSuperBlock];
};

void FitSymmetricBlock(const float* x, int half, int s_half, SymmetricBlock& block) {
  const float h = static_cast<float>(half);
  block.d = FitPartScales<16>(
      x, s_half, [&](const float* part, const float* w) { return FitSymmetric<16>(part, w, half); },
      [&](const float* part, const float* w, float a) { return SymmetricError<16>(part, w, a, h); }, block.s);
  for (int i = 0; i < kSuperBlock; ++i) {
    const float scale = static_cast<float>(block.d) * static_cast<float>(block.s[i / 16]);
    const float inverse = scale != 0 ? 1 / scale : 0.0f;
    block.q[i] = static_cast<uint8_t>(NearestCode(x[i] * inverse, -h, h - 1) + h);
  }
}

// The low two bits of 256 codes, and the low four: see Q2_K and Q4_K in quant_blocks.h.
void PackTwoBits(const uint8_t* q, int shift, uint8_t* qs) {
  for (int j = 0; j < 64; ++j) {
    const uint8_t* v = q + j / 32 * 128 + j % 32;
    const auto field = [&](int k) { return (v[32 * k] >> shift & 3) << (2 * k); };
    qs[j] = static_cast<uint8_t>(field(0) | field(1) | field(2) | field(3));
  }
}
void PackNibbles(const uint8_t* q, uint8_t* qs) {
  for (int j = 0; j < 128; ++j) {
    const uint8_t* v = q + j / 32 * 64 + j % 32;
    qs[j] = static_cast<uint8_t>((v[0] & 15) | (v[32] & 15) << 4);
  }
}

// One bit of each code: bit k of mask[l] is that of code 32k + l.
void PackBit(const uint8_t* q, int bit, uint8_t* mask) {
  for (int l = 0; l < 32; ++l) {
    int bits = 0;
    for (int k = 0; k < 8; ++k) bits |= (q[32 * k + l] >> bit & 1) << k;
    mask[l] = static_cast<uint8_t>(bits);
  }
}

void PackScalesAndMins(const uint8_t* s, const uint8_t* m, uint8_t* scales) {
  for (int j = 0; j < 4; ++j) {
    scales[j] = static_cast<uint8_t>(s[j] | s[j + 4] >> 4 << 6);
    scales[4 + j] = static_cast<uint8_t>(m[j] | m[j + 4] >> 4 << 6);
    scales[8 + j] = static_cast<uint8_t>((s[j + 4] & 15) | (m[j + 4] & 15) << 4);
  }
}

}  // namespace

void QuantizeBlock(const float* x, BlockQ2_K& block) {
  AffineBlock fit;
  FitAffineBlock<16>(x, 3, 15, fit);
  block.d = fit.d;
  block.dmin = fit.dmin;
  for (int p = 0; p < 16; ++p) block.scales[p] = static_cast<uint8_t>(fit.s[p] | fit.m[p] << 4);
  PackTwoBits(fit.q, 0, block.qs);
}

void QuantizeBlock(const float* x, BlockQ3_K& block) {
  SymmetricBlock fit;
  FitSymmetricBlock(x, 4, 32, fit);
  block.d = fit.d;
  const auto s = [&](int p) { return fit.s[p] + 32; };
  for (int j = 0; j < 8; ++j) block.scales[j] = static_cast<uint8_t>((s(j) & 15) | (s(j + 8) & 15) << 4);
  for (int k = 0; k < 4; ++k) {
    const int high = s(k) >> 4 | s(k + 4) >> 4 << 2 | s(k + 8) >> 4 << 4 | s(k + 12) >> 4 << 6;
    block.scales[8 + k] = static_cast<uint8_t>(high);
  }
  PackTwoBits(fit.q, 0, block.qs);
  PackBit(fit.q, 2, block.hmask);
}

void QuantizeBlock(const float* x, BlockQ4_K& block) {
  AffineBlock fit;
  FitAffineBlock<32>(x, 15, 63, fit);
  block.d = fit.d;
  block.dmin = fit.dmin;
  PackScalesAndMins(fit.s, fit.m, block.scales);
  PackNibbles(fit.q, block.qs);
}

void QuantizeBlock(const float* x, BlockQ5_K& block) {
  AffineBlock fit;
  FitAffineBlock<32>(x, 31, 63, fit);
  block.d = fit.d;
  block.dmin = fit.dmin;
  PackScalesAndMins(fit.s, fit.m, block.scales);
  PackNibbles(fit.q, block.qs);
  PackBit(fit.q, 4, block.qh);
}

void QuantizeBlock(const float* x, BlockQ6_K& block) {
  SymmetricBlock fit;
  FitSymmetricBlock(x, 32, 128, fit);
  block.d = fit.d;
  std::copy(std::begin(fit.s), std::end(fit.s), block.scales);
  for (int j = 0; j < 128; ++j) {
    const uint8_t* v = fit.q + j / 64 * 128 + j % 64;
    block.ql[j] = static_cast<uint8_t>((v[0] & 15) | (v[64] & 15) << 4);
  }
  PackTwoBits(fit.q, 4, block.qh);
}

void QuantizeBlock(const float* x, BlockIQ4_NL& block) {
  float w[kSmallBlock];
  Weights<kSmallBlock>(x, w);
  const float d = ToF16(FitLevels<kSmallBlock>(x, w), block.d), inverse = d != 0 ? 1 / d : 0.0f;
  for (int j = 0; j < 16; ++j) {
    block.qs[j] = static_cast<uint8_t>(NearestLevel(x[j] * inverse) | NearestLevel(x[j + 16] * inverse) << 4);
  }
}

void QuantizeBlock(const float* x, BlockIQ4_XS& block) {
  int8_t s[8];
  block.d = FitPartScales<32>(
      x, 32, [](const float* part, const float* w) { return FitLevels<32>(part, w); },
      [](const float* part, const float* w, float a) { return LevelsError<32>(part, w, a); }, s);
  int high = 0;
  for (int p = 0; p < 8; ++p) high |= (s[p] + 32) >> 4 << (2 * p);
  block.scales_h = static_cast<uint16_t>(high);
  for (int k = 0; k < 4; ++k) {
    block.scales_l[k] = static_cast<uint8_t>(((s[2 * k] + 32) & 15) | ((s[2 * k + 1] + 32) & 15) << 4);
  }
  for (int j = 0; j < 128; ++j) {
    const float scale = static_cast<float>(block.d) * static_cast<float>(s[j / 16]);
    const float inverse = scale != 0 ? 1 / scale : 0.0f;
    const float* v = x + j / 16 * 32 + j % 16;
    block.qs[j] = static_cast<uint8_t>(NearestLevel(v[0] * inverse) | NearestLevel(v[16] * inverse) << 4);
  }
}

}  // namespace tessera::kernels::reference
