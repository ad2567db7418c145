#pragma once
// Attention on a Hopper GPU: O = softmax(scale · QKᵀ + mask) V and its gradients, without the [T, T'] matrix.
//
//   q        [T, H, D]    queries of all sequences, end to end, in device memory, at a multiple of 16 bytes; so k, v
//   k        [T', G, D]   G divides H: query head h reads key head h · G / H
//   v        [T', G, Dv]
//   o, d_o   [T, H, Dv]   of the operands' dtype, bf16 or f16
//   lse      [T, H]       f32: ln of each row's sum of exponentials
//
// (D, Dv) is (64, 64), (128, 128), (256, 256) or (192, 128). Sums are f32; P and dS are rounded to the operands' dtype
// before they are multiplied. A row that sees no key gets o = 0, lse = +inf and no gradient.
// The result is the same bits from run to run and in any company in the batch. Keys of the row's own sequence that the
// causal mask hides must be finite, as 0 · NaN is NaN on a tensor core.
// Memory beside the operands: forward none; backward T · H · (D + 2) floats.

#include <memory>

#include "tessera/core/dtype.h"
#include "tessera/kernels/attention_pattern.h"
#include "tessera/kernels/cuda/device_buffer.h"

namespace tessera::kernels::cuda {

struct AttentionShape {
  DType dtype = DType::kBF16;
  int heads = 1, kv_heads = 1, head_dim = 128, value_dim = 128;
  float scale = 1;  // > 0
};

struct AttentionInputs {
  const void *q, *k, *v;
};
struct AttentionOutputs {
  void* o;
  float* lse;
};
struct AttentionGradients {
  void *dq, *dk, *dv;
};

// The list of work for one pattern, on the GPU: made once for a batch, used by every layer, forward and backward.
// Calls on one plan go to one stream at a time: the backward pass's sums belong to the plan.
class AttentionPlan {
 public:
  // Throws Error for a pattern with a window, a tree or pages, for heads, dims and dtypes other than the above, and for
  // a GPU other than of compute capability 9.0.
  AttentionPlan(const AttentionPattern& pattern, const AttentionShape& shape);
  ~AttentionPlan();

  void Forward(const AttentionInputs& x, const AttentionOutputs& result, Stream stream = nullptr) const;
  void Vjp(const AttentionInputs& x, const AttentionOutputs& result, const void* d_o,
           const AttentionGradients& gradients, Stream stream = nullptr) const;

  struct Lists;  // private to the launchers

 private:
  std::unique_ptr<Lists> lists_;
};

}  // namespace tessera::kernels::cuda
