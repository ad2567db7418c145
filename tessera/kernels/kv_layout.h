#pragma once
// The order of values inside a page, private to the attention kernels. A page holds one block a head:
//
//   scales   q8_0 only: f16 [⌈D/32⌉][64 tokens] of the keys, then [⌈Dv/32⌉][64 tokens] of the values
//   keys     transposed, [D][64 tokens]: 64 scores are computed in lanes, without horizontal sums
//   values   [64 tokens][Dv']: a row of the output is computed in lanes; Dv' is Dv rounded up to 16
//
// In bf16, two neighbours of the summed axis share a 32-bit word, and in q8_0 four where the processor sums products of
// bytes, as its dot products want them: keys are [⌈D/2⌉][64][2] or [⌈D/4⌉][64][4], values [32][Dv'][2] or [16][Dv'][4].
// Every part begins at a multiple of 64 bytes.
//
// Where values are the beginning of keys, one copy serves both products, in the order of a tensor's rows:
//
//   rows     [64 tokens][D'], D' being D rounded up to 16; in bf16 an odd D is followed by a 0
//   scales   q8_0 only: f16 [64 tokens][⌈D/32⌉]

#include "tessera/kernels/kv_pages.h"

namespace tessera::kernels {

// Whether codes of q8_0 are multiplied as bytes here (AVX-512 VNNI).
bool MultipliesBytes();

struct KvLayout {
  DType dtype;
  bool rows;                                                   // values are the beginning of keys
  int in_word;                                                 // neighbours that share a word: 1 << in_word
  int64_t key_dim, value_dim, value_stride;                    // the last also of rows
  int64_t key_scales, value_scales, keys, values, head_bytes;  // byte offsets in a head's block, and its size
  int64_t page_bytes;

  explicit KvLayout(const KvPageFormat& format);

  // Index (in stored numbers) of key value d of token t, and of value d of token t, in their parts.
  int64_t Key(int64_t t, int64_t d) const { return rows ? t * value_stride + d : InWords(d, kPageTokens, t); }
  int64_t Value(int64_t t, int64_t d) const { return rows ? t * value_stride + d : InWords(t, value_stride, d); }
  // The same for the scale of that value, in the keys' or the values' scales.
  int64_t Scale(int64_t t, int64_t d) const {
    return rows ? t * ((key_dim + 31) / 32) + d / 32 : d / 32 * kPageTokens + t;
  }

 private:
  int64_t InWords(int64_t step, int64_t columns, int64_t column) const {
    return (((step >> in_word) * columns + column) << in_word) + (step & ((1 << in_word) - 1));
  }
};

}  // namespace tessera::kernels
