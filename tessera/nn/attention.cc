#include "tessera/nn/attention.h"

#include "tessera/core/isa.h"
#include "tessera/kernels/cuda/operators.h"
#include "tessera/kernels/int8_attention.h"
#include "tessera/ops/differentiable.h"
#include "tessera/ops/elementwise.h"
#include "tessera/ops/view.h"

namespace tessera::nn {

Tensor AttendInContext(const Tensor& q, const Tensor& k, const Tensor& v, const Context& context, int64_t layer,
                       const ops::AttendOptions& options) {
  if (!context.cache) return ops::Attend(q, k, v, context.pattern, options);
  Require(!ops::Tracked(k) && !ops::Tracked(v), "attention: keys in a cache have no derivatives; run without a cache");
  const kernels::KvPages& pages = context.cache->layers[static_cast<size_t>(layer)];
  if (q.on_gpu()) {
    Require(context.pattern.plan != nullptr, "attention: a pass on the GPU needs the lists of its pattern");
    kernels::cuda::StoreKv(pages, *context.pattern.plan, k, v);
  } else {
    kernels::StoreKv(pages, context.cache->slots, k, v);
  }
  return ops::AttendPaged(q, pages, context.pattern, options);
}

std::array<Tensor, 3> ProjectQkv(const Tensor& x, const Linear& q, const Linear& k, const Linear& v,
                                 const LayerContext& context) {
  if (context.wanted == nullptr) return Linear::Each(x, {&q, &k, &v});
  const auto [keys, values] = Linear::Each(x, {&k, &v});
  return {q(context.Wanted(x)), keys, values};
}

Tensor AttendTurning(const Tensor& q, const Tensor& k, const Tensor& v, const LayerContext& context, const Rope& rope,
                     int64_t layer) {
  const Context& pass = context.pass;
  const auto& [cos, sin] = context.rotary;
  if (!q.on_gpu() || !pass.cache)
    return AttendInContext(rope.Turn(q, context.query_rotary()), rope.Turn(k, context.rotary), v, context.queries(),
                           layer);
  const kernels::KvPages& pages = pass.cache->layers[static_cast<size_t>(layer)];
  const Tensor turned = kernels::cuda::TurnAndStore(pages, *pass.pattern.plan, q, k, v, cos, sin, rope.layout());
  return ops::AttendPaged(turned, pages, pass.pattern);
}

Tensor AttendAsProjected(const Linear& projection, const Tensor& q, const Tensor& k, const Tensor& v,
                         const ops::AttentionPattern& pattern) {
  if (q.on_gpu()) return ops::Attend(q, k, v, pattern);
  const DType weight = projection.weight().dtype();
  const bool fast = projection.precision() == ops::LinearPrecision::kFast && !ops::AnyTracked(q, k, v);
  if (fast && IsQuantized(weight) && kernels::MultipliesInInt8({q, k, v, {}}, {pattern, 1, 0}))
    return ops::Attend(q, k, v, pattern, {.precision = ops::AttendPrecision::kInt8});
  const bool rounds = fast && (weight == DType::kBF16 || IsQuantized(weight));
  if (!rounds || q.dtype() != DType::kF32 || LiveIsa() != Isa::kAvx512Bf16) return ops::Attend(q, k, v, pattern);
  const auto narrow = [](const Tensor& x) { return ops::Cast(x, DType::kBF16); };
  return ops::Cast(ops::Attend(narrow(q), narrow(k), narrow(v), pattern), DType::kF32);
}

GroupedAttention::GroupedAttention(const Scope& s, const GroupedAttentionShape& shape, const Rope& rope)
    : shape_(shape),
      rope_(rope),
      q_(s / "q_proj", {.in = shape.hidden, .out = shape.heads * shape.head_dim, .bias = shape.qkv_bias}),
      k_(s / "k_proj", {.in = shape.hidden, .out = shape.kv_heads * shape.head_dim, .bias = shape.qkv_bias}),
      v_(s / "v_proj", {.in = shape.hidden, .out = shape.kv_heads * shape.head_dim, .bias = shape.qkv_bias}),
      o_(s / "o_proj", {.in = shape.heads * shape.head_dim, .out = shape.hidden, .bias = shape.out_bias}) {}

Tensor GroupedAttention::operator()(const Tensor& x, const LayerContext& context) const {
  const int64_t T = x.dim(0), H = shape_.heads, G = shape_.kv_heads, D = shape_.head_dim;
  const auto [xq, xk, xv] = ProjectQkv(x, q_, k_, v_, context);
  const int64_t M = xq.dim(0);
  const Tensor q = ops::Reshape(xq, {M, H, D}), k = ops::Reshape(xk, {T, G, D}), v = ops::Reshape(xv, {T, G, D});
  return o_(ops::Reshape(AttendTurning(q, k, v, context, rope_, shape_.layer), {M, H * D}));
}

}  // namespace tessera::nn
