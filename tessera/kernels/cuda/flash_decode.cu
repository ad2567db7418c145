#include <algorithm>

#include "tessera/kernels/cuda/flash_decode.cuh"
#include "tessera/kernels/cuda/launch.cuh"
#include "tessera/kernels/cuda/paged_attention.h"

namespace tessera::kernels::cuda {
namespace {

template <class C>
__global__ void __launch_bounds__(C::kThreads, C::kBlocks)
    DecodeKernel(const __grid_constant__ DecodeArguments<typename C::T> arguments) {
  DecodeBlock<C>(arguments, SharedMemory<DecodeShared<C>>(), static_cast<int>(blockIdx.x), static_cast<int>(gridDim.x));
}

// One block for each run of tokens and head, one warp for every 32 columns.
template <int kDv, typename T>
__global__ void CombineKernel(const float* partial_o, const float* partial_lse, const CombineWork* work,
                              HeadOrder heads, T* o, float* lse) {
  const CombineWork w = work[blockIdx.x / heads.heads];
  const int head = static_cast<int>(blockIdx.x) % heads.heads, part = static_cast<int>(threadIdx.x) / 32;
  for (int token = 0; token < w.tokens; ++token)
    CombineRow<kDv>(partial_o, partial_lse, w, heads, token, head, part, o, lse);
}

template <typename T>
__global__ void StoreKernel(const T* k, const T* v, const int64_t* slots, int kv_heads, int dim, int value_dim,
                            T* k_pages, T* v_pages) {
  const int token = static_cast<int>(blockIdx.x);
  for (int head = static_cast<int>(threadIdx.x) / 32; head < kv_heads; head += static_cast<int>(blockDim.x) / 32) {
    StoreRowInPage(k, k_pages, slots[token], token, kv_heads, head, dim);
    StoreRowInPage(v, v_pages, slots[token], token, kv_heads, head, value_dim);
  }
}

}  // namespace

struct PagedAttentionPlan::Lists {
  AttentionPlan::Lists shape;  // the pattern's causality and the shape, for dispatch
  DeviceBuffer splits, combine, pages, o, lse;
  int split_count = 0, combine_count = 0, multiprocessors = 0;
  int32_t last_page = -1;
};

PagedAttentionPlan::PagedAttentionPlan(const AttentionPattern& pattern, const AttentionShape& shape)
    : lists_(std::make_unique<Lists>()) {
  lists_->multiprocessors = RequireSupported(shape).multiprocessors;
  const PagedWork work = ListPagedWork(pattern, shape.heads / shape.kv_heads);
  lists_->shape.pattern.causal = true;
  lists_->shape.shape = shape;
  lists_->splits = DeviceBuffer::Copy(std::span(work.splits));
  lists_->combine = DeviceBuffer::Copy(std::span(work.combine));
  lists_->pages = DeviceBuffer::Copy(std::span(work.pages));
  lists_->split_count = static_cast<int>(work.splits.size());
  lists_->combine_count = static_cast<int>(work.combine.size());
  const size_t rows = work.splits.size() * static_cast<size_t>(shape.kv_heads) * 64;
  lists_->o = DeviceBuffer(rows * static_cast<size_t>(shape.value_dim) * sizeof(float));
  lists_->lse = DeviceBuffer(rows * sizeof(float));
  for (const int32_t page : work.pages) {
    Require(page >= 0, "attention: page {}", page);
    lists_->last_page = std::max(lists_->last_page, page);
  }
}
PagedAttentionPlan::~PagedAttentionPlan() = default;

void PagedAttentionPlan::Forward(const void* q, const PagedKeys& keys, const AttentionOutputs& result,
                                 Stream stream) const {
  const Lists& plan = *lists_;
  const AttentionShape& s = plan.shape.shape;
  Require(plan.last_page < keys.page_count, "attention: the pattern names page {} of {}", plan.last_page,
          keys.page_count);
  WithAttentionShape(plan.shape, [&]<typename T, int kDqk, int kDv, bool kCausal>() {
    if constexpr (kCausal) {
      using C = DecodeConfig<T, kDqk, kDv>;
      const HeadOrder heads{s.heads, s.kv_heads, 1};
      if (plan.split_count > 0) {
        const int64_t rows = keys.page_count * s.kv_heads * 64;
        const DecodeArguments<T> arguments{static_cast<const T*>(q),
                                           MakeTileMap(keys.k, s.dtype, rows, 1, kDqk, 64),
                                           MakeTileMap(keys.v, s.dtype, rows, 1, kDv, 64),
                                           plan.pages.template data<int32_t>(),
                                           plan.splits.template data<SplitWork>(),
                                           plan.split_count,
                                           heads,
                                           s.scale,
                                           plan.o.template data<float>(),
                                           plan.lse.template data<float>()};
        const int64_t items = int64_t{plan.split_count} * s.kv_heads;
        Require(items < (int64_t{1} << 31), "attention: {} splits are more than a GPU counts", items);
        Launch(DecodeKernel<C>, std::min<int64_t>(items, plan.multiprocessors * C::kBlocks), C::kThreads,
               kSharedBytes<DecodeShared<C>>, stream, arguments);
      }
      Launch(CombineKernel<kDv, T>, int64_t{plan.combine_count} * s.heads, kDv, 0, stream,
             plan.o.template data<const float>(), plan.lse.template data<const float>(),
             plan.combine.template data<const CombineWork>(), heads, static_cast<T*>(result.o), result.lse);
    }
  });
}

void StoreInPages(const AttentionShape& shape, const void* k, const void* v, const int64_t* slots, int tokens,
                  const PagedKeys& keys, Stream stream) {
  RequireSupported(shape);
  // Both types are copied as they are, two bytes a value.
  using T = BFloat16;
  Launch(StoreKernel<T>, tokens, 256, 0, stream, static_cast<const T*>(k), static_cast<const T*>(v), slots,
         shape.kv_heads, shape.head_dim, shape.value_dim, static_cast<T*>(keys.k), static_cast<T*>(keys.v));
}

}  // namespace tessera::kernels::cuda
