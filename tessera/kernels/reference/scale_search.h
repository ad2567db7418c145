#pragma once
// Searches for the scale of a few values: the least-squares part of the K quantisers.
//
//   FitAffine     x ≈ a q - b     q in 0 … levels, a and b at least 0
//   FitSymmetric  x ≈ a q         q in -half … half - 1, a of either sign
//   FitLevels     x ≈ a level[q]  sixteen given levels
//
// All minimise E = Σ w (x - x̂)². For given codes q the best a and b solve a linear system; for given a and b the best
// codes are the nearest ones. Neither alone finds the minimum, so each search tries some twenty scales around the one
// that the extremes suggest, solves for a and b with the codes of each, and keeps the least E.
//
// Sums run in eight lanes in a fixed order, so a compiler can use vectors and every instruction set gives the same
// bits. Values that are not finite give some codes and scales, never undefined behaviour.

#include <array>
#include <cmath>
#include <cstdint>

#include "tessera/kernels/quant_blocks.h"

namespace tessera::kernels::reference {

// Σ term(i), i = 0 … N-1, in eight lanes.
template <int N, typename Term>
float LaneSum(Term&& term) {
  static_assert(N % 8 == 0);
  float lane[8] = {};
  for (int i = 0; i < N; i += 8) {
    for (int k = 0; k < 8; ++k) lane[k] += term(i + k);
  }
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

// y to the nearest integer, ties to even, for |y| < 2^22: at 1.5 · 2^23 the unit in the last place is 1.
inline float Nearest(float y) { return (y + 12582912.0f) - 12582912.0f; }

// The integer nearest to y, kept in lowest … highest; NaN gives lowest.
inline float NearestCode(float y, float lowest, float highest) {
  const float r = Nearest(y);
  return r > lowest ? (r < highest ? r : highest) : lowest;
}

struct AffineFit {
  float a = 0, b = 0;
};

// Codes q[i] of x ≈ a q - b, and the error E.
template <int N>
float AffineError(const float* x, const float* w, AffineFit fit, float levels) {
  const float inverse = fit.a != 0 ? 1 / fit.a : 0.0f;
  return LaneSum<N>([&](int i) {
    const float q = NearestCode((x[i] + fit.b) * inverse, 0, levels), e = fit.a * q - fit.b - x[i];
    return w[i] * e * e;
  });
}

template <int N>
AffineFit FitAffine(const float* x, const float* w, int levels) {
  constexpr int kSteps = 20;  // inverse scales of levels - 1 … levels + 1 in units of 1 / (max - min)
  float min = 0, max = x[0];  // b >= 0: zero is always inside
  for (int i = 0; i < N; ++i) {
    min = x[i] < min ? x[i] : min;
    max = x[i] > max ? x[i] : max;
  }
  const float top = static_cast<float>(levels);
  AffineFit best{(max - min) / top, -min};
  if (!(best.a > 0)) return {0, -min};
  float least = AffineError<N>(x, w, best, top);
  const float sum_w = LaneSum<N>([&](int i) { return w[i]; });
  const float sum_x = LaneSum<N>([&](int i) { return w[i] * x[i]; });
  float q[N];
  for (int step = 0; step <= kSteps; ++step) {
    const float inverse = (top - 1 + 0.1f * static_cast<float>(step)) / (max - min);
    for (int i = 0; i < N; ++i) q[i] = NearestCode((x[i] - min) * inverse, 0, top);
    const float sum_q = LaneSum<N>([&](int i) { return w[i] * q[i]; });
    const float sum_qq = LaneSum<N>([&](int i) { return w[i] * q[i] * q[i]; });
    const float sum_qx = LaneSum<N>([&](int i) { return w[i] * q[i] * x[i]; });
    // | Σwqq -Σwq | |a|   | Σwqx |
    // | Σwq  -Σw  | |b| = | Σwx  |
    const float determinant = sum_w * sum_qq - sum_q * sum_q;
    if (!(determinant > 0)) continue;
    AffineFit fit{(sum_w * sum_qx - sum_x * sum_q) / determinant, (sum_q * sum_qx - sum_qq * sum_x) / determinant};
    if (fit.b < 0) fit = {sum_qx / sum_qq, 0};
    if (!(fit.a > 0)) continue;
    const float error = AffineError<N>(x, w, fit, top);
    if (error < least) {
      least = error;
      best = fit;
    }
  }
  return best;
}

// E of x ≈ a q.
template <int N>
float SymmetricError(const float* x, const float* w, float a, float half) {
  const float inverse = a != 0 ? 1 / a : 0.0f;
  return LaneSum<N>([&](int i) {
    const float q = NearestCode(x[i] * inverse, -half, half - 1), e = a * q - x[i];
    return w[i] * e * e;
  });
}

// The first value of the greatest magnitude.
template <int N>
float ExtremeOf(const float* x) {
  float extreme = x[0];
  for (int i = 1; i < N; ++i) extreme = std::fabs(x[i]) > std::fabs(extreme) ? x[i] : extreme;
  return extreme;
}

template <int N>
float FitSymmetric(const float* x, const float* w, int half) {
  const float extreme = ExtremeOf<N>(x), h = static_cast<float>(half);
  float best = extreme / -h;  // -half has no positive partner, so the extreme gets it
  if (best == 0) return 0;
  float least = SymmetricError<N>(x, w, best, h);
  float q[N];
  for (int step = -9; step <= 9; ++step) {
    const float inverse = -(h + 0.1f * static_cast<float>(step)) / extreme;
    for (int i = 0; i < N; ++i) q[i] = NearestCode(x[i] * inverse, -h, h - 1);
    const float sum_qq = LaneSum<N>([&](int i) { return w[i] * q[i] * q[i]; });
    const float sum_qx = LaneSum<N>([&](int i) { return w[i] * q[i] * x[i]; });
    if (!(sum_qq > 0)) continue;
    const float a = sum_qx / sum_qq;
    const float error = SymmetricError<N>(x, w, a, h);
    if (error < least) {
      least = error;
      best = a;
    }
  }
  return best;
}

// The code of the level nearest to y, the greater one of two. Twice a midpoint of neighbours is an integer, so ⌊2y⌋
// decides.
inline int NearestLevel(float y) {
  static constexpr std::array<uint8_t, 512> kCodes = [] {
    std::array<uint8_t, 512> codes{};
    for (int twice = -256; twice < 256; ++twice) {
      for (int k = 0; k < 15; ++k) codes[twice + 256] += twice >= kIQ4Levels[k] + kIQ4Levels[k + 1];
    }
    return codes;
  }();
  const float index = 2 * y + 256;  // 0 … 511 where it matters, so that truncation is ⌊⌋
  return kCodes[static_cast<size_t>(index > 0 ? (index < 511 ? index : 511.0f) : 0.0f)];
}

// E of x ≈ a level[q].
template <int N>
float LevelsError(const float* x, const float* w, float a) {
  const float inverse = a != 0 ? 1 / a : 0.0f;
  return LaneSum<N>([&](int i) {
    const float e = a * static_cast<float>(kIQ4Levels[NearestLevel(x[i] * inverse)]) - x[i];
    return w[i] * e * e;
  });
}

template <int N>
float FitLevels(const float* x, const float* w) {
  const float extreme = ExtremeOf<N>(x);
  float best = extreme / kIQ4Levels[0];
  if (best == 0) return 0;
  float least = LevelsError<N>(x, w, best);
  float level[N];
  for (int side = 0; side < 2; ++side) {  // the extreme at the lowest level, then at the highest
    const float outer = kIQ4Levels[side == 0 ? 0 : 15];
    for (int step = -7; step <= 7; ++step) {
      const float inverse = (outer + static_cast<float>(step)) / extreme;
      for (int i = 0; i < N; ++i) level[i] = kIQ4Levels[NearestLevel(x[i] * inverse)];
      const float sum_qq = LaneSum<N>([&](int i) { return w[i] * level[i] * level[i]; });
      const float sum_qx = LaneSum<N>([&](int i) { return w[i] * level[i] * x[i]; });
      if (!(sum_qq > 0)) continue;
      const float a = sum_qx / sum_qq;
      const float error = LevelsError<N>(x, w, a);
      if (error < least) {
        least = error;
        best = a;
      }
    }
  }
  return best;
}

}  // namespace tessera::kernels::reference
