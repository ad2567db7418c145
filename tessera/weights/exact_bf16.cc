#include "tessera/weights/exact_bf16.h"

#include <algorithm>
#include <atomic>
#include <bit>

#include "tessera/core/thread_pool.h"

namespace tessera::weights {
namespace {

constexpr int64_t kChunk = 64;       // looked through at once, so that compilers use vectors
constexpr int64_t kGrain = 1 << 16;  // values of a thread's piece, a multiple of kChunk
constexpr uint16_t kExponent = 0x7c00, kMagnitude = 0x7fff;

// Whether all of up to kChunk numbers survive; `out` gets them.
bool NarrowChunk(const uint16_t* in, int64_t count, uint16_t* out) {
  uint16_t lost = 0;
  bool plain = true;  // all are zero or have an exponent of their own
  for (int64_t i = 0; i < count; ++i) {
    const uint16_t exponent = in[i] & kExponent, magnitude = in[i] & kMagnitude;
    lost |= static_cast<uint16_t>(in[i] & 7);
    plain &= magnitude == 0 || (exponent != 0 && exponent != kExponent);
    // Five bits of exponent, of bias 15, become eight, of bias 127; ten of mantissa become seven.
    const int bits = magnitude == 0 ? 0 : (magnitude >> 3) + (112 << 7);
    out[i] = static_cast<uint16_t>((in[i] & 0x8000) | bits);
  }
  if (plain) return lost == 0;
  for (int64_t i = 0; i < count; ++i) {
    const auto bits = std::bit_cast<uint32_t>(Float16::ToFloat(in[i]));
    if ((bits & 0xffff) != 0) return false;
    out[i] = static_cast<uint16_t>(bits >> 16);
  }
  return true;
}

}  // namespace

Tensor ToBf16IfExact(const Tensor& value) {
  if (value.dtype() != DType::kF16 || value.packed() || !value.contiguous()) return value;
  Tensor narrow = Tensor::Empty(value.shape(), DType::kBF16);
  const auto* in = reinterpret_cast<const uint16_t*>(value.raw());
  auto* out = reinterpret_cast<uint16_t*>(narrow.mutable_raw());
  std::atomic<bool> exact = true;
  ParallelForRange(value.numel(), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end && exact.load(std::memory_order_relaxed); i += kChunk)
      if (!NarrowChunk(in + i, std::min(kChunk, end - i), out + i)) exact = false;
  });
  return exact ? narrow : value;
}

}  // namespace tessera::weights
