// Attention on the GPU as C functions, for bench/cuda/attention.py. 0 is success; else tessera_error() says what
// failed.
#include <cmath>
#include <memory>
#include <string>

#include "tessera/core/error.h"
#include "tessera/kernels/cuda/paged_attention.h"

namespace {

using namespace tessera;
using namespace tessera::kernels;

std::string& LastError() {
  thread_local std::string error;
  return error;
}

template <typename Body>
int Guard(Body body) {
  try {
    body();
    return 0;
  } catch (const std::exception& error) {
    LastError() = error.what();
    return 1;
  }
}

cuda::AttentionShape ShapeOf(int bf16, int heads, int kv_heads, int head_dim, int value_dim) {
  const float scale = 1 / std::sqrt(static_cast<float>(head_dim));
  return {bf16 ? DType::kBF16 : DType::kF16, heads, kv_heads, head_dim, value_dim, scale};
}

}  // namespace

// A plan belongs to the caller, who gives it back with …_free.
extern "C" {

const char* tessera_error() { return LastError().c_str(); }

// `sequences` times a sequence of `queries` queries and `keys` keys. Null on failure.
void* tessera_attention_plan(int bf16, int heads, int kv_heads, int head_dim, int value_dim, int causal, int sequences,
                             int queries, int keys) {
  void* plan = nullptr;
  Guard([&] {
    AttentionPattern pattern;
    pattern.causal = causal != 0;
    pattern.sequences.assign(static_cast<size_t>(sequences), {queries, keys, {}, {}});
    plan =
        std::make_unique<cuda::AttentionPlan>(pattern, ShapeOf(bf16, heads, kv_heads, head_dim, value_dim)).release();
  });
  return plan;
}
void tessera_attention_free(void* plan) {
  const std::unique_ptr<cuda::AttentionPlan> owner(static_cast<cuda::AttentionPlan*>(plan));
}

int tessera_attention_forward(void* plan, const void* q, const void* k, const void* v, void* o, float* lse) {
  return Guard([&] { static_cast<cuda::AttentionPlan*>(plan)->Forward({q, k, v}, {o, lse}); });
}

int tessera_attention_vjp(void* plan, const void* q, const void* k, const void* v, void* o, float* lse, const void* d_o,
                          void* dq, void* dk, void* dv) {
  return Guard([&] { static_cast<cuda::AttentionPlan*>(plan)->Vjp({q, k, v}, {o, lse}, d_o, {dq, dk, dv}); });
}

// `sequences` sequences of `keys` keys each and one new token, whose pages come in order.
void* tessera_paged_plan(int bf16, int heads, int kv_heads, int head_dim, int value_dim, int sequences, int keys) {
  void* plan = nullptr;
  Guard([&] {
    AttentionPattern pattern;
    int32_t page = 0;
    for (int i = 0; i < sequences; ++i) {
      pattern.sequences.push_back({1, keys, {}, {}});
      for (int key = 0; key < keys; key += 64) pattern.sequences.back().pages.push_back(page++);
    }
    plan = std::make_unique<cuda::PagedAttentionPlan>(pattern, ShapeOf(bf16, heads, kv_heads, head_dim, value_dim))
               .release();
  });
  return plan;
}
void tessera_paged_free(void* plan) {
  const std::unique_ptr<cuda::PagedAttentionPlan> owner(static_cast<cuda::PagedAttentionPlan*>(plan));
}
int tessera_paged_forward(void* plan, const void* q, void* k, void* v, int64_t pages, void* o, float* lse) {
  return Guard([&] { static_cast<cuda::PagedAttentionPlan*>(plan)->Forward(q, {k, v, pages}, {o, lse}); });
}

}  // extern "C"
