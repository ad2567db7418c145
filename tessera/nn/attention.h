#pragma once
// Grouped-query attention with rotary positions: H query heads share G key and value heads (Ainslie et al. 2023).
//
//   q = rope(W_q x), k = rope(W_k x), v = W_v x;  y = W_o · softmax(q kᵀ / √D + mask) v

#include <array>

#include "tessera/nn/linear.h"
#include "tessera/nn/rotary.h"
#include "tessera/nn/wanted_rows.h"
#include "tessera/ops/attention.h"

namespace tessera::nn {

// What a layer is given besides its input. Of T rows it gives M: all, or those that are wanted of the last layer.
struct LayerContext {
  const Context& pass;
  const RotaryTables& rotary;
  const WantedRows* wanted = nullptr;

  Tensor Wanted(const Tensor& x) const { return wanted != nullptr ? wanted->Of(x) : x; }  // [T, C] -> [M, C]
  // Of the rows that ask.
  const Context& queries() const { return wanted != nullptr ? wanted->pass : pass; }
  const RotaryTables& query_rotary() const { return wanted != nullptr ? wanted->rotary : rotary; }
};

// W_q x of the rows that are wanted, W_k x and W_v x of all: [T, C] -> [M, …], [T, …], [T, …].
std::array<Tensor, 3> ProjectQkv(const Tensor& x, const Linear& q, const Linear& k, const Linear& v,
                                 const LayerContext& context);

// Attention over the keys of this pass, or over the cache's pages of `layer` after storing k and v there.
//   q [M, H, D], k [T, G, D], v [T, G, Dv] -> [M, H, Dv], M the queries of the context's pattern
Tensor AttendInContext(const Tensor& q, const Tensor& k, const Tensor& v, const Context& context, int64_t layer,
                       const ops::AttendOptions& options = {});

// Attention among the rows of this pass, of q, k and v that `projection` made, in the precision of its product
// (LinearPrecision::kFast; not where derivatives are asked for):
//   a weight of a block format      8 bits, where the processor and the pattern allow it (kernels/int8_attention.h)
//   else that, or a weight of bf16  f32 operands are rounded to bf16, as they are for a cache of bf16, where the
//                                   processor multiplies pairs of bf16: twice as fast
//   q [T, H, D], k [T, G, D], v [T, G, Dv] -> [T, H, Dv] of q's dtype
Tensor AttendAsProjected(const Linear& projection, const Tensor& q, const Tensor& k, const Tensor& v,
                         const ops::AttentionPattern& pattern);

// The same, of queries and keys that are still to be turned. On a GPU keys turn on their way into the cache.
Tensor AttendTurning(const Tensor& q, const Tensor& k, const Tensor& v, const LayerContext& context, const Rope& rope,
                     int64_t layer);

struct GroupedAttentionShape {
  int64_t hidden = 0, heads = 0, kv_heads = 0, head_dim = 0;  // C, H, G, D
  bool qkv_bias = false, out_bias = false;
  int64_t layer = 0;  // whose pages of the cache are used
};

class GroupedAttention {
 public:
  GroupedAttention(const Scope& s, const GroupedAttentionShape& shape, const Rope& rope);
  Tensor operator()(const Tensor& x, const LayerContext& context) const;  // [T, C] -> [M, C]

 private:
  GroupedAttentionShape shape_;
  Rope rope_;
  Linear q_, k_, v_, o_;
};

}  // namespace tessera::nn
