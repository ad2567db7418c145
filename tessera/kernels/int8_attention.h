#pragma once
// Attention in 8 bits, forward only: for operands that come from products in 8 bits, whose errors are of the same size.
// Every query sees all keys of its sequence. For one head, with the means k̄ and v̄ of the sequence's keys and values,
//
//   q̂ = round(q / a)          a = max |q| / 127          a query
//   k̂ = round((k - k̄) / b)    b = max |k - k̄| / 127      a key
//   v̂ = round((v - v̄) / c)    c = max |v - v̄| / 127      a channel of a tile of 256 keys
//   z = scale · a b · q̂·k̂      p = round(255 exp(z - n))      n the largest z of the query in the tile
//   o = v̄ + Σ_tiles e^n Σ p c v̂ / Σ_tiles e^n Σ p
//
// The products q̂·k̂ and Σ p v̂ are sums of integers. A constant taken from all keys moves all scores of a query alike, so
// softmax does not change (Zhang et al. 2024, SageAttention); one taken from all values is added again at the end.

#include "tessera/kernels/attention.h"

namespace tessera::kernels {

inline constexpr int64_t kInt8TileKeys = 256;  // positions 256 t … 256 t + 255 of a sequence

// Whether Int8Attention multiplies in 8 bits: the processor has AVX-512 VNNI, operands are f32, bf16 or f16, all
// queries see all keys (not causal, no window, no tree), scale > 0, and there is neither a soft cap nor a sink.
bool MultipliesInInt8(const AttentionOperands& x, const AttentionSpec& spec);

// o [T, H, Dv] of q's dtype, as above where MultipliesInInt8, else as Attention has it. A sequence without keys gives
// 0. A row is the same bits in any company, in chunks of any size, and with any number of threads. A NaN or infinity in
// a query makes its row NaN; in a key, all rows of its sequence that read its head; in a value, that channel of them.
Tensor Int8Attention(const AttentionOperands& x, const AttentionSpec& spec);

namespace reference {
// The formulas above, row by row in double.
Tensor Int8Attention(const AttentionOperands& x, const AttentionSpec& spec);
}  // namespace reference

}  // namespace tessera::kernels
