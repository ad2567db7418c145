#include "tessera/ops/attention.h"

#include <cmath>
#include <memory>

#include "tessera/kernels/attention.h"
#include "tessera/kernels/cuda/operators.h"
#include "tessera/kernels/int8_attention.h"
#include "tessera/ops/differentiable.h"

namespace tessera::ops {
namespace {

constexpr int64_t kMostValues = 1024;  // of a head: the kernels keep a tile of the output in the cache

void CheckTree(const AttentionSequence& s, size_t index) {
  Require(static_cast<int64_t>(s.tree_parents.size()) == s.query_count,
          "attention: sequence {} has {} tree parents for {} queries", index, s.tree_parents.size(), s.query_count);
  Require(s.key_count >= s.query_count,
          "attention: sequence {} has a tree of {} queries but {} keys; a tree's own keys count", index, s.query_count,
          s.key_count);
  for (size_t i = 0; i < s.tree_parents.size(); ++i) {
    Require(s.tree_parents[i] >= -1 && s.tree_parents[i] < static_cast<int64_t>(i),
            "attention: sequence {}: the tree parent of query {} is {}; it must be -1 or an earlier query", index, i,
            s.tree_parents[i]);
  }
}

void CheckPattern(const AttentionPattern& pattern, const Tensor& q) {
  Require(pattern.window >= 0, "attention: the window is {}, it must not be negative", pattern.window);
  for (size_t i = 0; i < pattern.sequences.size(); ++i) {
    const AttentionSequence& s = pattern.sequences[i];
    Require(s.query_count >= 0 && s.key_count >= 0, "attention: sequence {} has {} queries and {} keys", i,
            s.query_count, s.key_count);
    if (!s.tree_parents.empty()) CheckTree(s, i);
  }
  Require(q.dim(0) == pattern.query_rows(), "attention: q has {} rows but the pattern's sequences have {} queries",
          q.dim(0), pattern.query_rows());
}

void CheckHeads(const Tensor& q, int64_t kv_heads, int64_t key_dim, int64_t value_dim) {
  Require(q.rank() == 3, "attention: q has shape {}, it must be [T, H, D]", q.shape());
  Require(Info(q.dtype()).is_float, "attention: q is {}, it must be f32, bf16, f16 or f64", Name(q.dtype()));
  Require(q.dim(2) == key_dim, "attention: a head of q has {} values but one of k has {}", q.dim(2), key_dim);
  Require(key_dim >= 1 && key_dim <= kMostValues, "attention: a head of q and k has {} values; 1 to {} are supported",
          key_dim, kMostValues);
  Require(value_dim >= 1 && value_dim <= kMostValues, "attention: a head of v has {} values; 1 to {} are supported",
          value_dim, kMostValues);
  Require(kv_heads >= 1 && q.dim(1) % kv_heads == 0, "attention: {} key/value heads do not divide {} query heads",
          kv_heads, q.dim(1));
}

void CheckPages(const kernels::KvPages& pages, const AttentionPattern& pattern) {
  for (size_t i = 0; i < pattern.sequences.size(); ++i) {
    const AttentionSequence& s = pattern.sequences[i];
    const int64_t needed = (s.key_count + kernels::kPageTokens - 1) / kernels::kPageTokens;
    Require(static_cast<int64_t>(s.pages.size()) >= needed,
            "attention: sequence {} has {} pages but its {} keys need {}", i, s.pages.size(), s.key_count, needed);
    for (int32_t page : s.pages) {
      Require(page >= 0 && page < pages.page_count, "attention: sequence {} names page {} of {}", i, page,
              pages.page_count);
    }
  }
}

void CheckSinks(const Tensor& sinks, const Tensor& q) {
  if (!sinks) return;
  Require(sinks.shape() == Shape{q.dim(1)}, "attention: sinks have shape {}, they must be {}", sinks.shape(),
          Shape{q.dim(1)});
  Require(Info(sinks.dtype()).is_float, "attention: sinks are {}, they must be f32, bf16, f16 or f64",
          Name(sinks.dtype()));
}

kernels::AttentionSpec Spec(const Tensor& q, const AttentionPattern& pattern, const AttendOptions& options) {
  Require(options.softcap >= 0, "attention: the soft cap is {}, it must not be negative", options.softcap);
  const float scale = options.scale != 0 ? options.scale : 1 / std::sqrt(static_cast<float>(q.dim(2)));
  return {pattern, scale, options.softcap};
}

// The lists of the pattern on the GPU: those of the pass, or of this call alone.
std::shared_ptr<const kernels::cuda::PassPlan> PlanOf(const AttentionPattern& pattern) {
  if (pattern.plan) return pattern.plan;
  return std::make_shared<kernels::cuda::PassPlan>(pattern, std::span<const int64_t>());
}

}  // namespace

Tensor Attend(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionPattern& pattern,
              const AttendOptions& options) {
  Require(k.rank() == 3, "attention: k has shape {}, it must be [T', G, D]", k.shape());
  Require(v.rank() == 3, "attention: v has shape {}, it must be [T', G, Dv]", v.shape());
  CheckHeads(q, k.dim(1), k.dim(2), v.dim(2));
  Require(k.dtype() == q.dtype() && v.dtype() == q.dtype(),
          "attention: q is {}, k is {} and v is {}; they must be alike", Name(q.dtype()), Name(k.dtype()),
          Name(v.dtype()));
  CheckPattern(pattern, q);
  CheckSinks(options.sinks, q);
  Require(k.dim(0) == pattern.key_rows(), "attention: k has {} rows but the pattern's sequences have {} keys", k.dim(0),
          pattern.key_rows());
  Require(v.dim(0) == k.dim(0) && v.dim(1) == k.dim(1), "attention: v has shape {} beside k's {}", v.shape(),
          k.shape());
  for (const AttentionSequence& s : pattern.sequences)
    Require(s.pages.empty(), "attention: the pattern names pages but the keys are a plain tensor; use AttendPaged");

  if (q.on_gpu()) {
    const Tensor o = kernels::cuda::Attend(q.Contiguous(), k.Contiguous(), v.Contiguous(), options.sinks,
                                           Spec(q, pattern, options), *PlanOf(pattern));
    return WithoutDerivatives(o, q, k, v, options.sinks);
  }
  struct Call {
    kernels::AttentionOperands x;
    kernels::AttentionSpec spec;
    kernels::AttentionResult result;
  };
  const auto call = std::make_shared<Call>();
  const auto plain = [](const Tensor& x) { return x ? Detach(x).Contiguous() : x; };
  call->x = {plain(q), plain(k), plain(v), plain(options.sinks)};
  call->spec = Spec(q, pattern, options);
  if (options.precision == AttendPrecision::kInt8 && !AnyTracked(q, k, v, options.sinks))
    return kernels::Int8Attention(call->x, call->spec);
  call->result = kernels::Attention(call->x, call->spec);
  return Differentiable(
      call->result.o, {q, k, v, options.sinks},
      // D = rowsum(dO ∘ O),  P = exp(S - L),  dV = Pᵀ dO,  dS = P ∘ (dO Vᵀ - D),  dQ = scale dS K,  dK = scale dSᵀ Q
      [call](const Tensor& d_o) {
        auto [dq, dk, dv, d_sinks] = kernels::AttentionVjp(call->x, call->spec, call->result, d_o.Contiguous());
        return std::vector<Tensor>{dq, dk, dv, d_sinks};
      },
      // Ȯ = (P ∘ Ṡ) V + P V̇ - rowsum(P ∘ Ṡ) ∘ O,  where Ṡ = scale (Q̇ Kᵀ + Q K̇ᵀ)
      [call, plain](std::span<const Tensor> t) {
        return kernels::AttentionJvp(call->x, call->spec, call->result,
                                     {plain(t[0]), plain(t[1]), plain(t[2]), plain(t[3])});
      });
}

Tensor AttendPaged(const Tensor& q, const kernels::KvPages& pages, const AttentionPattern& pattern,
                   const AttendOptions& options) {
  CheckHeads(q, pages.format.kv_heads, pages.format.key_dim, pages.format.value_dim);
  CheckPattern(pattern, q);
  CheckSinks(options.sinks, q);
  CheckPages(pages, pattern);
  if (q.on_gpu())
    return kernels::cuda::AttendPaged(Detach(q).Contiguous(), options.sinks, pages, Spec(q, pattern, options),
                                      *PlanOf(pattern));
  return kernels::AttentionPaged({Detach(q).Contiguous(), {}, {}, options.sinks}, pages, Spec(q, pattern, options)).o;
}

}  // namespace tessera::ops
