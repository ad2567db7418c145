#pragma once
// Attention's kernels. `ops/attention.h` says what attention means; here are its forward, VJP and JVP for one pattern.
//
//   paper    here    shape        meaning
//   Q K V    q k v   [T, H, D], [T', G, D], [T', G, Dv]
//   O        o       [T, H, Dv]
//   L        lse     [T, H]       ln of a row's sum of exponentials, the sink's included; f32, or f64 for f64 operands
//
// A row that sees no key has o = 0 and lse = +inf, so that its probabilities exp(s - lse) are exactly 0 later on.

#include "tessera/core/tensor.h"
#include "tessera/kernels/attention_pattern.h"
#include "tessera/kernels/kv_pages.h"

namespace tessera::kernels {

// The differentiable operands, contiguous and of one dtype (f32, bf16, f16 or f64); `sinks` [H] may be undefined.
// Also their gradients and their tangents, where an undefined tensor is zero.
struct AttentionOperands {
  Tensor q, k, v, sinks;
};

// What is not differentiated. `scale` multiplies QKᵀ; `softcap` 0 is none.
struct AttentionSpec {
  AttentionPattern pattern;
  float scale = 1;
  float softcap = 0;
};

struct AttentionResult {
  Tensor o, lse;
};

AttentionResult Attention(const AttentionOperands& x, const AttentionSpec& spec);
// The gradients of all operands, in their dtypes, given the result and the gradient of o.
AttentionOperands AttentionVjp(const AttentionOperands& x, const AttentionSpec& spec, const AttentionResult& result,
                               const Tensor& d_o);
// The tangent of o.
Tensor AttentionJvp(const AttentionOperands& x, const AttentionSpec& spec, const AttentionResult& result,
                    const AttentionOperands& tangents);

// Keys and values from pages; `x.k` and `x.v` are not used.
AttentionResult AttentionPaged(const AttentionOperands& x, const KvPages& pages, const AttentionSpec& spec);

// The textbook, row by row in double: the specification of the functions above.
namespace reference {
AttentionResult Attention(const AttentionOperands& x, const AttentionSpec& spec);
AttentionOperands AttentionVjp(const AttentionOperands& x, const AttentionSpec& spec, const AttentionResult& result,
                               const Tensor& d_o);
Tensor AttentionJvp(const AttentionOperands& x, const AttentionSpec& spec, const AttentionResult& result,
                    const AttentionOperands& tangents);
AttentionResult AttentionPaged(const AttentionOperands& x, const KvPages& pages, const AttentionSpec& spec);
}  // namespace reference

}  // namespace tessera::kernels
