#pragma once
// Attention of a batch's newest tokens to keys in pages, on a Hopper GPU: decoding, chunks of a few tokens, and prompts
// (where AttentionPlan is faster, if the keys lie end to end).
//
//   q        [T, H, D]            the new tokens of all sequences, end to end
//   k, v     [pages, G, 64, D], [pages, G, 64, Dv]   bf16 or f16; page p of a sequence holds its keys 64 p … 64 p + 63
//   o        [T, H, Dv]
//   lse      [T, H]               f32
//
// Causal. (D, Dv) as in attention.h. A sequence's keys are split in runs (work.h, SplitKeys), each read by its own
// block, and the parts added in their order: the same bits in any company and from run to run.

#include "tessera/core/tensor.h"
#include "tessera/kernels/cuda/attention.h"
#include "tessera/kernels/cuda/pass_plan.h"

namespace tessera::kernels::cuda {

struct PagedKeys {
  void *k, *v;
  int64_t page_count;
};

// The work of one step: made for a batch, used by every layer. Calls on one plan go to one stream at a time.
class PagedAttentionPlan {
 public:
  // Throws Error for what AttentionPlan refuses, and for sequences whose pages do not hold their keys.
  PagedAttentionPlan(const AttentionPattern& pattern, const AttentionShape& shape);
  ~PagedAttentionPlan();

  // Throws Error if the pattern names a page that is not there.
  void Forward(const void* q, const PagedKeys& keys, const AttentionOutputs& result, Stream stream = nullptr) const;

  struct Lists;  // private to the launcher

 private:
  std::unique_ptr<Lists> lists_;
};

// The same for one layer of a pass, by its plan: q [T, H, D] -> o [T, H, Dv]. May be recorded in a graph: how many
// splits there are is read on the GPU.
Tensor ForwardPaged(const Tensor& q, const PagedKeys& keys, const AttentionShape& shape, const PassPlan& plan);

// Writes row t of k [T, G, D] and v [T, G, Dv] to slot slots[t] = 64 · page + place; `slots` [T] lies on the GPU.
void StoreInPages(const AttentionShape& shape, const void* k, const void* v, const int64_t* slots, int tokens,
                  const PagedKeys& keys, Stream stream = nullptr);

}  // namespace tessera::kernels::cuda
