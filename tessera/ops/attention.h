#pragma once
// Attention, the one operator that mixes tokens.

#include "tessera/core/tensor.h"
#include "tessera/kernels/attention_pattern.h"
#include "tessera/kernels/kv_pages.h"

namespace tessera::ops {

using kernels::AttentionPattern;
using kernels::AttentionSequence;

// How scores and sums of values are multiplied. kInt8 (kernels/int8_attention.h) has errors of the size that products
// of block formats have; it is taken where the processor and the pattern allow it and no derivatives are asked for.
enum class AttendPrecision : uint8_t { kOperands, kInt8 };

struct AttendOptions {
  float scale = 0;    // multiplies QKᵀ; 0 means 1 / sqrt(D)
  float softcap = 0;  // > 0: a score s becomes softcap · tanh(s / softcap)   (Gemma 2, section 2)
  Tensor sinks = {};  // [H], or undefined: a learned score a head that takes weight but has no value
  AttendPrecision precision = AttendPrecision::kOperands;
};

// O = softmax(scale · QKᵀ + mask) V, without the [T, T'] matrix.
//
//   q        [T, H, D]     queries of all sequences, end to end; f32, bf16, f16 or f64
//   k        [T', G, D]    G divides H: query head h reads key head h / (H / G)
//   v        [T', G, Dv]   T' = pattern.key_rows(): the keys of all sequences, end to end
//   returns  o [T, H, Dv]  in q's dtype
//
// A query that sees no key gets o = 0 and zero gradient. Each row is the same bits for any number of threads, any
// company in the batch, and whether its keys are paged (in f32) or not.
// Throws Error if D or Dv > 1024, if G does not divide H, or if shapes disagree; names the argument.
Tensor Attend(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionPattern& pattern,
              const AttendOptions& options = {});

// The same against paged keys and values (inference: no derivatives). The queries' own keys are stored beforehand.
Tensor AttendPaged(const Tensor& q, const kernels::KvPages& pages, const AttentionPattern& pattern,
                   const AttendOptions& options = {});

}  // namespace tessera::ops
