#include "tessera/nn/latent_attention.h"

#include "tessera/ops/elementwise.h"
#include "tessera/ops/view.h"
#include "tessera/weights/quantize_blocks.h"

namespace tessera::nn {
namespace {

// The norms inside keep the value that DeepSeek's code has, whatever the config says of the others.
constexpr float kInnerEps = 1e-6f;

Tensor Middle(const Tensor& x, int64_t begin, int64_t end) { return ops::Slice(x, -1, begin, end); }

}  // namespace

LatentAttention::LatentAttention(const Scope& s, const LatentAttentionShape& shape, const Rope& rope)
    : shape_(shape),
      rope_(rope),
      precision_(s.options().precision),
      kv_a_(s / "kv_a_proj_with_mqa", {.in = shape.hidden, .out = shape.cached_key_dim(), .bias = shape.bias}),
      o_(s / "o_proj", {.in = shape.heads * shape.value_dim, .out = shape.hidden, .bias = shape.bias}) {
  const int64_t query_width = shape.heads * (shape.nope_dim + shape.rope_dim);
  norms_.emplace_back(s / "kv_a_layernorm", shape.latent, kInnerEps);
  if (shape.query_rank > 0) {
    q_.emplace_back(s / "q_a_proj", LinearShape{.in = shape.hidden, .out = shape.query_rank, .bias = shape.bias});
    norms_.emplace_back(s / "q_a_layernorm", shape.query_rank, kInnerEps);
    q_.emplace_back(s / "q_b_proj", LinearShape{.in = shape.query_rank, .out = query_width});
  } else {
    q_.emplace_back(s / "q_proj", LinearShape{.in = shape.hidden, .out = query_width});
  }
  if ((s / "k_b_proj").Has("weight")) {
    k_b_ = (s / "k_b_proj").Table("weight", {shape.heads, shape.latent, shape.nope_dim});
    v_b_ = (s / "v_b_proj").Table("weight", {shape.heads, shape.value_dim, shape.latent});
  } else {
    kv_b_ = (s / "kv_b_proj").Table("weight", {shape.heads * (shape.nope_dim + shape.value_dim), shape.latent});
  }
  if (!s.options().pack) return;
  absorbed_ = Absorb();
  for (Tensor& weight : absorbed_.keys) weight = s.PackOwn(weight);
  for (Tensor& weight : absorbed_.values) weight = s.PackOwn(weight);
}

LatentAttention::Absorbed LatentAttention::Absorb() const {
  const int64_t N = shape_.nope_dim, V = shape_.value_dim;
  Absorbed absorbed;
  if (k_b_) {
    const auto head = [](const Tensor& w, int64_t h) { return w.Slice(0, h, h + 1).Reshape({w.dim(1), w.dim(2)}); };
    for (int64_t h = 0; h < shape_.heads; ++h) {
      absorbed.keys.push_back(head(*k_b_, h));
      absorbed.values.push_back(head(*v_b_, h));
    }
    return absorbed;
  }
  // Block formats run along the latent, which is the summed axis of only one of the two; bf16 holds what they hold.
  const Tensor stored = *kv_b_;
  const Tensor plain = IsQuantized(stored.dtype()) ? weights::Dequantize(stored).To(DType::kBF16) : stored;
  for (int64_t h = 0; h < shape_.heads; ++h) {
    const int64_t row = h * (N + V);
    absorbed.keys.push_back(ops::Transpose(ops::Slice(plain, 0, row, row + N), 0, 1));
    absorbed.values.push_back(ops::Slice(plain, 0, row + N, row + N + V));
  }
  return absorbed;
}

Tensor LatentAttention::ProjectedQueries(const Tensor& x) const {
  return shape_.query_rank > 0 ? q_[1](norms_[1](q_[0](x))) : q_[0](x);
}

Tensor LatentAttention::operator()(const Tensor& x, const LayerContext& context) const {
  const int64_t T = x.dim(0), H = shape_.heads, N = shape_.nope_dim, P = shape_.rope_dim, R = shape_.latent;
  const Tensor wanted = context.Wanted(x);
  const int64_t M = wanted.dim(0);
  const Tensor q = ops::Reshape(ProjectedQueries(wanted), {M, H, N + P});
  const Tensor down = kv_a_(x);
  const Tensor latent = norms_[0](Middle(down, 0, R));
  const Tensor key = rope_.Turn(ops::Reshape(Middle(down, R, R + P), {T, 1, P}), context.rotary);
  const Queries queries{Middle(q, 0, N), rope_.Turn(Middle(q, N, N + P), context.query_rotary())};
  const Tensor o = context.pass.cache || k_b_ ? OverLatents(queries, latent, key, context.queries())
                                              : Expanded(queries, latent, key, context.queries());
  return o_(ops::Reshape(o, {M, H * shape_.value_dim}));
}

Tensor LatentAttention::Expanded(const Queries& q, const Tensor& latent, const Tensor& key,
                                 const Context& context) const {
  const int64_t T = latent.dim(0), H = shape_.heads, N = shape_.nope_dim, V = shape_.value_dim;
  const Tensor kv =
      ops::Reshape(ops::Linear(latent, *kv_b_, ops::LinearOptions{.precision = precision_}), {T, H, N + V});
  const Tensor each_head = ops::Add(Tensor::Zeros({T, H, shape_.rope_dim}, key.dtype()), key);
  const std::vector<Tensor> k{Middle(kv, 0, N), each_head};
  const std::vector<Tensor> both{q.nope, q.rope};
  return ops::Attend(ops::Concat(both, -1), ops::Concat(k, -1), Middle(kv, N, N + V), context.pattern,
                     {.scale = shape_.scale});
}

Tensor LatentAttention::OverLatents(const Queries& q, const Tensor& latent, const Tensor& key,
                                    const Context& context) const {
  const int64_t T = latent.dim(0), R = shape_.latent;
  const Absorbed now = absorbed_.keys.empty() ? Absorb() : Absorbed{};
  const Absorbed& absorbed = absorbed_.keys.empty() ? now : absorbed_;
  const Tensor queries = ops::LinearOfEachHead(q.nope, absorbed.keys, precision_, q.rope);
  const Tensor values = ops::Reshape(latent, {T, 1, R});
  const std::vector<Tensor> keys{values, key};
  const Tensor o =
      AttendInContext(queries, ops::Concat(keys, -1), values, context, shape_.layer, {.scale = shape_.scale});
  return ops::LinearOfEachHead(o, absorbed.values, precision_);
}

}  // namespace tessera::nn
