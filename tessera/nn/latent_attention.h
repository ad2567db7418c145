#pragma once
// Multi-head latent attention (DeepSeek-V2 2024, section 2.1): keys and values of all heads are made from one short
// latent c and one rotary key, and only these are kept in the cache, R + P numbers a token: c is the beginning of the
// one key and the one value of all heads.
//
//   q = W_q x, or W_qb RMSNorm(W_qa x)          [T, H, N + P]   N values without position, P with rotary position
//   c, k_p = W_kva x;  c = RMSNorm(c)           [T, R], [T, P]
//   k = [W_kb c, rope(k_p)], v = W_vb c         [T, H, N + P], [T, H, V]
//   y = W_o · softmax(s q kᵀ + mask) v          s = m² / √(N + P), m = 1 unless YaRN stretches the context
//
// Without a cache this is computed as it stands (the expanded form). With one, W_kb moves into q and W_vb behind the
// softmax (the absorbed form): q_hᵀ W_kb,h c = (W_kb,hᵀ q_h)ᵀ c, so that every head attends to the latents themselves.
// Over a cache this holds for prompts too, although chunks of more than 128 rows would be quicker expanded: the forms
// round differently, and a row must not depend on how many others came with it (docs/kimi-vl.md has the times).
// GGUF files may hold the two parts of W_kvb as that form wants them (k_b [H, R, N], v_b [H, V, R]); then it is the
// only one.

#include <vector>

#include "tessera/nn/attention.h"
#include "tessera/nn/norm.h"

namespace tessera::nn {

struct LatentAttentionShape {
  int64_t hidden = 0, heads = 0;                                // C, H
  int64_t query_rank = 0, latent = 0;                           // 0: q straight from x;  R
  int64_t nope_dim = 0, rope_dim = 0, value_dim = 0;            // N, P, V
  float scale = 0;                                              // s
  bool bias = false;                                            // on W_qa, W_kva and W_o
  int64_t layer = 0;                                            // whose pages of the cache are used
  int64_t cached_key_dim() const { return latent + rope_dim; }  // of the one head of keys; its values are the latents
};

class LatentAttention {
 public:
  LatentAttention(const Scope& s, const LatentAttentionShape& shape, const Rope& rope);
  Tensor operator()(const Tensor& x, const LayerContext& context) const;  // [T, C] -> [M, C]

 private:
  // W_kb,hᵀ [R, N] and W_vb,h [V, R] of each head.
  struct Absorbed {
    std::vector<Tensor> keys, values;
  };
  Absorbed Absorb() const;
  // What meets keys by content, [M, H, N], and what meets them by position, turned, [M, H, P].
  struct Queries {
    Tensor nope, rope;
  };
  Tensor ProjectedQueries(const Tensor& x) const;
  Tensor Expanded(const Queries& q, const Tensor& latent, const Tensor& key, const Context& context) const;
  Tensor OverLatents(const Queries& q, const Tensor& latent, const Tensor& key, const Context& context) const;

  LatentAttentionShape shape_;
  Rope rope_;
  ops::LinearPrecision precision_;
  Parameter kv_b_;              // [H (N + V), R], or instead
  Parameter k_b_, v_b_;         // [H, R, N] and [H, V, R]
  std::vector<Linear> q_;       // W_q, or W_qa and W_qb
  std::vector<RmsNorm> norms_;  // of the latent; of the query's if it has one
  Linear kv_a_, o_;
  Absorbed absorbed_;  // made once where the weights will not change
};

}  // namespace tessera::nn
