#pragma once
// Attention of any shape: heads of up to 1024 values in f32, bf16 or f16, windows, trees of guesses, caps on scores,
// sinks, and keys in pages or end to end. What flash_attention.cuh and flash_decode.cuh do not know comes here.
//
// A block computes one row of one head: scores of 128 keys at a time, their maximum, and the sum of their values, which
// shrinks when a greater maximum comes (Milakov and Gimelshein 2018). Each key and value is read once a row and head,
// so this is for few rows; nothing is shared between rows.

#include "tessera/kernels/cuda/operators.cuh"
#include "tessera/kernels/cuda/work.h"

namespace tessera::kernels::cuda {

inline constexpr int kMostHeadValues = 1024, kScoresAtOnce = 128;

// Keys of one layer: the key of a token lies at Token(…) · key_dim of k, its value at Token(…) · value_stride of v.
template <typename K>
struct AttendedKeys {
  const K *k, *v;
  int kv_heads, key_dim, value_stride;
  const int32_t* pages;  // null: end to end, [T', G, D]

  TESSERA_DEVICE int64_t Token(const RowSight& row, int64_t key, int head) const {
    if (pages == nullptr) return (row.first + key) * kv_heads + head;
    return (int64_t{pages[row.first + key / kPageTokens]} * kv_heads + head) * kPageTokens + key % kPageTokens;
  }
};

template <typename Q, typename K>
struct PlainAttentionArguments {
  const Q* q;  // [T, H, D]
  AttendedKeys<K> keys;
  const RowSight* rows;  // [T]
  const int32_t* paths;
  const float* sinks;  // [H] or null
  int heads, value_dim;
  float scale, softcap;
  Q* o;  // [T, H, Dv]
};

struct PlainAttentionShared {
  BlockScratch scratch;
  float q[kMostHeadValues], o[kMostHeadValues];
  float score[kScoresAtOnce];
  int64_t token[kScoresAtOnce];
};

template <typename Q, typename K>
TESSERA_DEVICE void PlainAttentionRow(const PlainAttentionArguments<Q, K>& a, PlainAttentionShared& s, int64_t row,
                                      int head) {
  const AttendedKeys<K>& keys = a.keys;
  const int kv_head = head / (a.heads / keys.kv_heads);
  const RowSight sight = a.rows[row];
  const Q* q = a.q + (row * a.heads + head) * keys.key_dim;
  for (int d = Thread(); d < keys.key_dim; d += Threads()) s.q[d] = ToFloat(q[d]);
  for (int d = Thread(); d < a.value_dim; d += Threads()) s.o[d] = 0;
  float m = a.sinks == nullptr ? -INFINITY : a.sinks[head], l = a.sinks == nullptr ? 0.0f : 1.0f;
  for (int base = sight.begin; base < sight.end; base += kScoresAtOnce) {
    const int count = Min(kScoresAtOnce, sight.end - base);
    SyncThreads();  // the last scores have been used
    float most = -INFINITY;
    for (int j = Thread(); j < count; j += Threads()) {
      const int position = base + j;
      const int64_t key = position < sight.prefix ? position : a.paths[sight.path + position - sight.prefix];
      const int64_t token = keys.Token(sight, key, kv_head);
      const K* k = keys.k + token * keys.key_dim;
      float dot = 0;
      for (int d = 0; d < keys.key_dim; ++d) dot = fmaf(s.q[d], ToFloat(k[d]), dot);
      dot *= a.scale;
      if (a.softcap > 0) dot = a.softcap * tanhf(dot / a.softcap);
      s.score[j] = dot, s.token[j] = token;
      most = fmaxf(most, dot);
    }
    const float m_before = m;
    m = fmaxf(m, BlockMax(most, s.scratch));
    const float shrink = m_before == -INFINITY ? 0.0f : expf(m_before - m);
    float sum = 0;
    for (int j = Thread(); j < count; j += Threads()) {
      s.score[j] = expf(s.score[j] - m);
      sum += s.score[j];
    }
    l = fmaf(l, shrink, BlockSum(sum, s.scratch));
    for (int d = Thread(); d < a.value_dim; d += Threads()) {
      float o = s.o[d] * shrink;
      for (int j = 0; j < count; ++j) o = fmaf(s.score[j], ToFloat(keys.v[s.token[j] * keys.value_stride + d]), o);
      s.o[d] = o;
    }
  }
  SyncThreads();
  Q* o = a.o + (row * a.heads + head) * a.value_dim;
  for (int d = Thread(); d < a.value_dim; d += Threads()) o[d] = FromFloat<Q>(l == 0 ? 0.0f : s.o[d] / l);
}

}  // namespace tessera::kernels::cuda
