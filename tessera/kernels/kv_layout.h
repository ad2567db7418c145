#pragma once
// The order of values inside a page, private to the attention kernels. A page holds one block a head:
//
//   keys     transposed, [D][64 tokens]: 64 scores are computed in lanes, without horizontal sums
//   scales   q8_0 only: f16 [⌈D/32⌉][64 tokens]
//   values   [64 tokens][Dv']: a row of the output is computed in lanes; Dv' is Dv rounded up to 16
//   scales   q8_0 only: f16 [64 tokens][⌈Dv/32⌉]
//
// In bf16, two neighbours of the summed axis share a 32-bit word, as products of bf16 pairs want them: keys are
// [⌈D/2⌉][64][2], values [32][Dv'][2]. Every part begins at a multiple of 64 bytes.
//
// Where values are the beginning of keys, one copy serves both products, in the order of a tensor's rows:
//
//   rows     [64 tokens][D'], D' being D rounded up to 16; in bf16 an odd D is followed by a 0
//   scales   q8_0 only: f16 [64 tokens][⌈D/32⌉]

#include "tessera/kernels/kv_pages.h"

namespace tessera::kernels {

struct KvLayout {
  DType dtype;
  bool rows;                                             // values are the beginning of keys
  int64_t key_dim, value_dim, value_stride;              // the last also of rows
  int64_t key_scales, values, value_scales, head_bytes;  // byte offsets in a head's block, and its size
  int64_t page_bytes;

  explicit KvLayout(const KvPageFormat& format);

  // Index (in stored numbers) of key value d of token t, and of value d of token t, in their parts. kPairs: in bf16.
  template <bool kPairs>
  int64_t Key(int64_t t, int64_t d) const {
    if (rows) return t * value_stride + d;
    return kPairs ? ((d / 2) * kPageTokens + t) * 2 + d % 2 : d * kPageTokens + t;
  }
  template <bool kPairs>
  int64_t Value(int64_t t, int64_t d) const {
    if (rows) return t * value_stride + d;
    return kPairs ? ((t / 2) * value_stride + d) * 2 + t % 2 : t * value_stride + d;
  }
  int64_t KeyScale(int64_t t, int64_t d) const { return rows ? ValueScale(t, d) : d / 32 * kPageTokens + t; }
  int64_t ValueScale(int64_t t, int64_t d) const { return t * (((rows ? key_dim : value_dim) + 31) / 32) + d / 32; }
};

}  // namespace tessera::kernels
