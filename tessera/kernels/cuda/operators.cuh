#pragma once
// Rows and values of a transformer between its products: norms, rotary positions, sums, activations, and where keys and
// values go. One block works on one row, or on a run of values. Each value is read once and written once; sums over a
// row run in f32 in an order fixed by the row's length.

#include "tessera/kernels/cuda/simple_block.cuh"
#include "tessera/kernels/kv_pages.h"
#include "tessera/kernels/rotary.h"

namespace tessera::kernels::cuda {

// Values of a row that a thread keeps in registers: all loads are on their way before one is used.
inline constexpr int kHeld = 8;
template <typename T>
struct HeldRow {
  float value[kHeld];

  // Whether the whole row is held by a block's threads.
  TESSERA_DEVICE static bool Fits(int width) { return width <= kHeld * Threads(); }
  TESSERA_DEVICE void Load(const T* x, int width) {
    TESSERA_UNROLL
    for (int j = 0; j < kHeld; ++j) {
      const int i = Thread() + j * Threads();
      value[j] = i < width ? ToFloat(x[i]) : 0.0f;
    }
  }
};

// h = x + d, rounded, or x without d (null; then h is not written);  y = h r ∘ w,  r = 1 / √(mean(h²) + eps): the sum
// that half a block of a transformer ends with, and the norm that the next begins with. `weight` holds w if that fits.
template <typename T>
TESSERA_DEVICE void RmsNormRow(const T* x, const T* d, const T* w, const HeldRow<T>& weight, T* h, T* y, int width,
                               float eps, BlockScratch& scratch) {
  float squares = 0;
  if (HeldRow<T>::Fits(width)) {
    HeldRow<T> row, addend;
    row.Load(x, width);
    if (d != nullptr) {
      addend.Load(d, width);
      TESSERA_UNROLL
      for (int j = 0; j < kHeld; ++j) {
        const T sum = FromFloat<T>(row.value[j] + addend.value[j]);
        row.value[j] = ToFloat(sum);
        if (const int i = Thread() + j * Threads(); i < width) h[i] = sum;
      }
    }
    TESSERA_UNROLL
    for (int j = 0; j < kHeld; ++j) squares = fmaf(row.value[j], row.value[j], squares);
    const float r = 1 / sqrtf(BlockSum(squares, scratch) / static_cast<float>(width) + eps);
    TESSERA_UNROLL
    for (int j = 0; j < kHeld; ++j)
      if (const int i = Thread() + j * Threads(); i < width) y[i] = FromFloat<T>(row.value[j] * r * weight.value[j]);
    return;
  }
  const T* sum = d == nullptr ? x : h;
  for (int i = Thread(); i < width; i += Threads()) {
    if (d != nullptr) h[i] = FromFloat<T>(ToFloat(x[i]) + ToFloat(d[i]));
    squares = fmaf(ToFloat(sum[i]), ToFloat(sum[i]), squares);
  }
  const float r = 1 / sqrtf(BlockSum(squares, scratch) / static_cast<float>(width) + eps);
  for (int i = Thread(); i < width; i += Threads()) y[i] = FromFloat<T>(ToFloat(sum[i]) * r * ToFloat(w[i]));
}

// y = x̂ ∘ w + b,  x̂ = (x - mean) r,  r = 1 / √(var(x) + eps); `b` may be null.
template <typename T>
TESSERA_DEVICE void LayerNormRow(const T* x, const T* w, const T* b, T* y, int width, float eps,
                                 BlockScratch& scratch) {
  float sum = 0, squares = 0;
  for (int i = Thread(); i < width; i += Threads()) sum += ToFloat(x[i]);
  const float mean = BlockSum(sum, scratch) / static_cast<float>(width);
  for (int i = Thread(); i < width; i += Threads()) {
    const float centred = ToFloat(x[i]) - mean;
    squares = fmaf(centred, centred, squares);
  }
  const float r = 1 / sqrtf(BlockSum(squares, scratch) / static_cast<float>(width) + eps);
  for (int i = Thread(); i < width; i += Threads()) {
    const float normed = (ToFloat(x[i]) - mean) * r * ToFloat(w[i]);
    y[i] = FromFloat<T>(b == nullptr ? normed : normed + ToFloat(b[i]));
  }
}

// Row `row` of y [rows, to] from x [rows, stride], from column `from` on; zeros past the last of `width` columns.
template <typename T>
TESSERA_DEVICE void ColumnsRow(const T* x, T* y, int64_t row, int64_t stride, int64_t from, int64_t width, int64_t to) {
  for (int64_t i = Thread(); i < to; i += Threads())
    y[row * to + i] = from + i < width ? x[row * stride + from + i] : FromFloat<T>(0);
}

// A key that is greater the greater x is, then the lower `index` is; the greatest of all for NaN.
TESSERA_DEVICE uint64_t LikelinessKey(float x, int index) {
  if (x != x) return ~uint64_t{0};
  const uint32_t bits = FloatBits(x + 0.0f);  // -0 is 0
  const uint32_t ordered = bits ^ (bits >> 31 != 0 ? 0xffffffffu : 0x80000000u);
  return uint64_t{ordered} << 32 | (0xffffffffu - static_cast<uint32_t>(index));
}

// The greatest key of one row of logits [V] in the columns of part `part` of `parts`, into *key, which was 0.
TESSERA_DEVICE void LikeliestOfRow(const float* logits, int vocab, int part, int parts, uint64_t* key) {
  uint64_t most = 0;
  for (int i = part * Threads() + Thread(); i < vocab; i += parts * Threads()) {
    const uint64_t mine = LikelinessKey(logits[i], i);
    most = mine > most ? mine : most;
  }
  AtomicMax(key, most);
}

inline constexpr int kMostPairs = 256;  // of a head that turns

// θ_i of each pair, and which of a token's positions it turns by; a parameter of the kernel, by value.
struct RotaryFrequencies {
  float of_pair[kMostPairs];
  uint8_t axis[kMostPairs];
  int pairs;
  float factor;  // of cos and sin
};

// cos and sin [T, pairs] of row t, whose positions are positions[axis · T + t].
TESSERA_DEVICE void AnglesRow(const int64_t* positions, int64_t rows, int64_t t, const RotaryFrequencies& f,
                              float* cos_to, float* sin_to) {
  for (int i = Thread(); i < f.pairs; i += Threads()) {
    // The angle is rounded to f32, as in the code that checkpoints were trained with.
    const float angle = static_cast<float>(positions[f.axis[i] * rows + t]) * f.of_pair[i];
    cos_to[t * f.pairs + i] = static_cast<float>(::cos(static_cast<double>(angle))) * f.factor;
    sin_to[t * f.pairs + i] = static_cast<float>(::sin(static_cast<double>(angle))) * f.factor;
  }
}

// How heads turn: cos and sin [T, pairs], and the order of a pair.
struct RotaryAngles {
  const float *cos, *sin;
  int pairs;
  bool halves, backwards;
};

// A value of a head at d, turned, in f32: x is the head's first value.
template <typename T>
TESSERA_DEVICE float Turned(const T* x, int d, int64_t row, const RotaryAngles& a) {
  if (d >= 2 * a.pairs) return ToFloat(x[d]);
  const bool second = a.halves ? d >= a.pairs : d % 2 == 1;
  const int pair = a.halves ? d % a.pairs : d / 2, step = a.halves ? a.pairs : 1;
  const float c = a.cos[row * a.pairs + pair];
  const float s = a.backwards ? -a.sin[row * a.pairs + pair] : a.sin[row * a.pairs + pair];
  // (a cos - b sin, b cos + a sin), the products rounded as on the CPU
  const float own = ToFloat(x[d]), other = ToFloat(second ? x[d - step] : x[d + step]);
  return second ? fmaf(own, c, other * s) : fmaf(own, c, -(other * s));
}

// Row t of x [T, H, D], turned.
template <typename T>
TESSERA_DEVICE void RotaryRow(const T* x, T* y, int64_t row, int heads, int dim, const RotaryAngles& a) {
  for (int i = Thread(); i < heads * dim; i += Threads()) {
    const int64_t head = (row * heads + i / dim) * dim;
    y[head + i % dim] = FromFloat<T>(Turned(x + head, i % dim, row, a));
  }
}

// Where the keys and values of one layer lie: [pages, G, 64, D] and [pages, G, 64, Dv]; `v` is null where values are
// the beginnings of keys.
template <typename P>
struct Pages {
  P *k, *v;
  int kv_heads, key_dim, value_dim;

  TESSERA_DEVICE int64_t Head(int64_t slot, int head) const {
    return (slot / kPageTokens * kv_heads + head) * kPageTokens + slot % kPageTokens;
  }
};

// What the heads of one row do before attention: queries turn; keys turn and go to their slot; values go there.
template <typename T, typename P>
struct HeadsIntoPages {
  const T *q, *k, *v;  // [T, H, D], [T, G, D], [T, G, Dv]; q may be null, and v where pages hold keys alone
  T* q_to;             // [T, H, D]
  const int64_t* slots;
  int heads;  // H; 0 without q
  RotaryAngles angles;
  Pages<P> pages;

  TESSERA_DEVICE int HeadsOfRow() const { return heads + pages.kv_heads * (pages.v == nullptr ? 1 : 2); }
  // One head of a row: queries first, then keys, then values.
  TESSERA_DEVICE void Head(int64_t row, int head) const {
    const int dim = pages.key_dim;
    if (head < heads) {
      const int64_t at = (row * heads + head) * dim;
      for (int d = Thread(); d < dim; d += Threads()) q_to[at + d] = FromFloat<T>(Turned(q + at, d, row, angles));
      return;
    }
    head -= heads;
    const int64_t slot = slots[row];
    if (head < pages.kv_heads) {
      P* to = pages.k + pages.Head(slot, head) * dim;
      const T* from = k + (row * pages.kv_heads + head) * dim;
      // Through T, so that keys in a cache of a wider type are those of this pass.
      for (int d = Thread(); d < dim; d += Threads())
        to[d] = FromFloat<P>(ToFloat(FromFloat<T>(Turned(from, d, row, angles))));
      return;
    }
    head -= pages.kv_heads;
    P* to = pages.v + pages.Head(slot, head) * pages.value_dim;
    const T* from = v + (row * pages.kv_heads + head) * pages.value_dim;
    for (int d = Thread(); d < pages.value_dim; d += Threads()) to[d] = FromFloat<P>(ToFloat(from[d]));
  }
};

// Copies tokens from[i] to to[i], in order, of one head.
template <typename P>
TESSERA_DEVICE void MoveSlots(const int64_t* from, const int64_t* to, int count, int head, const Pages<P>& pages) {
  for (int i = 0; i < count; ++i) {
    for (int d = Thread(); d < pages.key_dim; d += Threads())
      pages.k[pages.Head(to[i], head) * pages.key_dim + d] = pages.k[pages.Head(from[i], head) * pages.key_dim + d];
    for (int d = Thread(); pages.v != nullptr && d < pages.value_dim; d += Threads())
      pages.v[pages.Head(to[i], head) * pages.value_dim + d] = pages.v[pages.Head(from[i], head) * pages.value_dim + d];
  }
}

}  // namespace tessera::kernels::cuda
