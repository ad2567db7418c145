#pragma once
// The coupon collector (de Moivre 1711): how many of E different things many draws touch, when each draw takes K of
// them at once and all choices are equally likely. With experts for things and tokens for draws: how many experts of a
// layer a batch needs, if the router is balanced.

#include <cstdint>

namespace tessera::math::numeric {

// E (1 - (1 - K/E)^T), the mean number of things that T draws touch. 0 <= K <= E, E >= 1, T >= 0; throws Error else.
double ExpectedDistinct(int64_t things, int64_t taken, double draws);

inline constexpr int64_t kMaxThings = 4096;

// The mean number of draws until all E were touched: E · H_E for K = 1. 1 <= K <= E <= kMaxThings; throws Error else.
double ExpectedDrawsForAll(int64_t things, int64_t taken);

}  // namespace tessera::math::numeric
