#pragma once
// The operators of a transformer on a Hopper GPU, beside its products (products.h). Tensors are on the GPU, contiguous,
// f32 or bf16, and of one dtype unless said otherwise; results are computed in f32 and rounded once. What each computes
// is said by its namesake in kernels/. All work goes to gpu::WorkStream().

#include <span>
#include <utility>

#include "tessera/core/tensor.h"
#include "tessera/kernels/activation.h"
#include "tessera/kernels/attention.h"
#include "tessera/kernels/cuda/pass_plan.h"
#include "tessera/kernels/kv_pages.h"
#include "tessera/kernels/rotary.h"

namespace tessera::kernels::cuda {

Tensor Add(const Tensor& a, const Tensor& b);  // of one shape
Tensor SiluMul(const Tensor& gate, const Tensor& up);
Tensor Activate(const Tensor& x, Activation activation);
Tensor Cast(const Tensor& x, DType dtype);  // between f32, bf16 and f16
Tensor RmsNorm(const Tensor& x, const Tensor& w, float eps);
// x + d and the norm of that sum.
std::pair<Tensor, Tensor> AddRmsNorm(const Tensor& x, const Tensor& d, const Tensor& w, float eps);
Tensor LayerNorm(const Tensor& x, const Tensor& w, const Tensor& b, float eps);
// x at begin <= index < end along one axis; tensors end to end along their first axis.
Tensor Slice(const Tensor& x, int axis, int64_t begin, int64_t end);
Tensor Concat(std::span<const Tensor> parts);
Tensor GatherRows(const Tensor& x, const Tensor& rows);  // rows i64 [M], on the GPU

// For each row of logits f32 [M, V] which is the greatest, the first of equal ones, as a key: i64 [M]. LikeliestToken
// reads it.
Tensor LikeliestKeys(const Tensor& logits);
// The token of a key. Throws Error if a logit of the row was NaN, or all were -inf.
int32_t LikeliestToken(int64_t key);

// cos and sin [T, pairs] f32 for positions i64 [T] or [3, T] on the GPU: pair i turns by frequencies[i] · the position
// on axis axes[i]; both are multiplied by `factor`.
std::pair<Tensor, Tensor> RotaryTables(const Tensor& positions, std::span<const float> frequencies,
                                       std::span<const size_t> axes, float factor);
Tensor Rotary(const Tensor& x, const Tensor& cos, const Tensor& sin, const RotaryOptions& options);

// Heads [T, H, D] of another width: zeros behind the values, or without the last ones.
Tensor WithHeadDim(const Tensor& x, int64_t dim);

// ---- attention, by the plan of the pass ----
// Keys k [T, G, D] and values to the plan's slots.
void StoreKv(const KvPages& pages, const PassPlan& plan, const Tensor& k, const Tensor& v);
// The same of keys that turn on their way, and the queries q [T, H, D] turned.
Tensor TurnAndStore(const KvPages& pages, const PassPlan& plan, const Tensor& q, const Tensor& k, const Tensor& v,
                    const Tensor& cos, const Tensor& sin, RotaryLayout layout);
void MoveKv(const KvPages& pages, std::span<const int64_t> from, std::span<const int64_t> to);
// o [T, H, Dv] of q [T, H, D]. The plan is that of spec.pattern, but for its window.
Tensor Attend(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& sinks, const AttentionSpec& spec,
              const PassPlan& plan);
Tensor AttendPaged(const Tensor& q, const Tensor& sinks, const KvPages& pages, const AttentionSpec& spec,
                   const PassPlan& plan);

}  // namespace tessera::kernels::cuda
