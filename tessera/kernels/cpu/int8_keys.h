#pragma once
// The keys and values of one sequence and head in 8 bits, in the order in which the products of int8_attention.cc read
// them. A stripe is 64 keys; a tile, whose values share scales, is four stripes.
//
//   keys          [stripes, D/4, 64, 4]     unsigned: code + 128; zeros where there is no key, up to a whole stripe
//   key_scales    [stripes, 64]
//   values        [stripes, 16, Dv', 4]     four neighbouring keys of one channel lie side by side
//   value_scales  [tiles, Dv']
//   value_mean    [Dv']                     Dv' = Dv in whole vectors of 16
//
// Step w of a stripe's values has its keys 16 (w % 4) + 4 (w / 4) and the next three: that is where narrowing four
// vectors of probabilities to bytes leaves them.

#include <memory>

#include "tessera/kernels/int8_attention.h"

namespace tessera::kernels {

inline constexpr int64_t kStripeKeys = 64;
inline constexpr int64_t kTileStripes = kInt8TileKeys / kStripeKeys;

struct Int8Keys {
  Int8Keys(int64_t key_count, int64_t key_dim, int64_t value_dim)
      : count(key_count),
        stripes((key_count + kStripeKeys - 1) / kStripeKeys),
        key_words((key_dim + 3) / 4),
        value_width((value_dim + 15) / 16 * 16) {}

  int64_t count, stripes, key_words, value_width;
  std::shared_ptr<std::byte> storage;
  uint8_t* keys = nullptr;
  int8_t* values = nullptr;
  float *key_scales = nullptr, *value_scales = nullptr, *value_mean = nullptr;
  float blank = 0;  // NaN if a key is not finite, else 0

  int64_t key_stripe_bytes() const { return key_words * 4 * kStripeKeys; }
  int64_t value_stripe_bytes() const { return value_width * kStripeKeys; }
  int64_t tiles() const { return (stripes + kTileStripes - 1) / kTileStripes; }
};

// One head's rows of a tensor [rows, heads, dim] of f32, bf16 or f16, `stride` numbers apart.
struct HeadView {
  const void* data;
  DType dtype;
  int64_t stride, dim;

  HeadView(const Tensor& x, int64_t first_row, int64_t head)
      : data(x.raw() + BytesFor(x.dtype(), (first_row * x.dim(1) + head) * x.dim(2))),
        dtype(x.dtype()),
        stride(x.dim(1) * x.dim(2)),
        dim(x.dim(2)) {}
};

// `count` keys and values, rounded. Needs AVX-512 VNNI's processors (MultipliesInInt8).
Int8Keys RoundKeys(const HeadView& k, const HeadView& v, int64_t count);

}  // namespace tessera::kernels
