#pragma once
// Keys and values of one layer in pages of 64 tokens. A sequence is a list of pages, so memory is taken as it grows,
// and two sequences with the same beginning share pages. `infer/` decides which page belongs to whom; this file only
// knows what a page holds. The order of values inside a page is private to the attention kernel.

#include <cstdint>
#include <span>
#include <vector>

#include "tessera/core/tensor.h"

namespace tessera::kernels {

inline constexpr int64_t kPageTokens = 64;

// What one page of one layer holds: G heads of `key_dim` and `value_dim` values for each of 64 tokens.
struct KvPageFormat {
  DType dtype = DType::kF32;  // f32, bf16, f16 or q8_0
  int64_t kv_heads = 0, key_dim = 0, value_dim = 0;
  bool values_in_keys = false;  // a token's value is the first value_dim numbers of its key, which alone is stored
  int64_t page_bytes() const;   // of keys and values together, a multiple of 64
  // The same on a GPU, in f32, bf16 or f16. Throws Error for another dtype.
  int64_t gpu_page_bytes() const {
    Require(Info(dtype).is_float && dtype != DType::kF64,
            "cache: keys in {} cannot be on the GPU; use bf16, f16 or f32", Name(dtype));
    return BytesFor(dtype, kPageTokens * kv_heads * (key_dim + (values_in_keys ? 0 : value_dim)));
  }
};

// The 16-bit type that attention reads fastest here: bf16 where the processor multiplies pairs of bf16, else f16.
DType FastKvDType();

// The pages of one layer: page p begins at base + p · format.page_bytes(). On a GPU all keys [page_count, G, 64,
// key_dim] begin at base, and all values [page_count, G, 64, value_dim] behind them. A view; owns nothing.
struct KvPages {
  KvPageFormat format;
  std::byte* base = nullptr;
  int64_t page_count = 0;
  Device device = Device::kCpu;
};

// Writes row t of k [T, G, key_dim] and v [T, G, value_dim] (f32, bf16 or f16) to slot slots[t] = 64 · page + place.
// Rounds to the format's dtype. Slots are distinct. Where the format has values in keys, v may be undefined and is not
// read. Throws Error for a slot outside the pages.
void StoreKv(const KvPages& pages, std::span<const int64_t> slots, const Tensor& k, const Tensor& v);

// Copies the token at slot from[i] to slot to[i], in order, i = 0, 1, …
void MoveKv(const KvPages& pages, std::span<const int64_t> from, std::span<const int64_t> to);

// The stored values of one slot as f32: k [G, key_dim], v [G, value_dim]. For tests and inspection.
std::pair<Tensor, Tensor> LoadKv(const KvPages& pages, int64_t slot);

}  // namespace tessera::kernels
