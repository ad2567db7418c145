#include <algorithm>

#include "tessera/core/gpu.h"
#include "tessera/kernels/cuda/flash_decode.cuh"
#include "tessera/kernels/cuda/launch.cuh"
#include "tessera/kernels/cuda/launch_chained.cuh"
#include "tessera/kernels/cuda/paged_attention.h"

namespace tessera::kernels::cuda {
namespace {

template <class C>
__global__ void __launch_bounds__(C::kThreads, C::kBlocks)
    DecodeKernel(const __grid_constant__ DecodeArguments<typename C::T> arguments) {
  WaitForPredecessor();
  LetSuccessorStart();
  DecodeBlock<C>(arguments, SharedMemory<DecodeShared<C>>(), static_cast<int>(blockIdx.x), static_cast<int>(gridDim.x));
}

// One block for each run of tokens and head, one warp for every 32 columns.
template <int kDv, typename T>
__global__ void CombineKernel(const float* partial_o, const float* partial_lse, const CombineWork* work,
                              HeadOrder heads, T* o, float* lse) {
  WaitForPredecessor();
  LetSuccessorStart();
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
  AttentionShape shape;
  DeviceBuffer splits, combine, pages, count, o, lse;
  int64_t split_count = 0, combine_count = 0;
  int32_t last_page = -1;
};

namespace {

// One layer's work, in the lists of a plan. `most_splits` is how many there may be.
struct PagedLists {
  const SplitWork* splits;
  const int32_t* split_count;
  const CombineWork* combine;
  const int32_t* pages;
  int64_t most_splits, combine_count;
  float *o, *lse;  // [most_splits · G, 64, Dv] and [most_splits · G, 64], for the parts
};

void LaunchPaged(const void* q, const PagedKeys& keys, const AttentionShape& s, const PagedLists& lists,
                 const AttentionOutputs& result, Stream stream) {
  const int multiprocessors = RequireSupported(s).multiprocessors;
  WithHeads(s, [&]<typename T, int kDqk, int kDv>() {
    using C = DecodeConfig<T, kDqk, kDv>;
    const HeadOrder heads{s.heads, s.kv_heads, 1};
    const int64_t rows = keys.page_count * s.kv_heads * 64, items = lists.most_splits * s.kv_heads;
    Require(items < (int64_t{1} << 31), "attention: {} splits are more than a GPU counts", items);
    const DecodeArguments<T> arguments{static_cast<const T*>(q),
                                       MakeTileMap(keys.k, s.dtype, rows, 1, kDqk, 64),
                                       MakeTileMap(keys.v, s.dtype, rows, 1, kDv, 64),
                                       lists.pages,
                                       lists.splits,
                                       lists.split_count,
                                       heads,
                                       s.scale,
                                       lists.o,
                                       lists.lse};
    LaunchChainedOn(stream, DecodeKernel<C>, std::min<int64_t>(items, multiprocessors * C::kBlocks), C::kThreads,
                    kSharedBytes<DecodeShared<C>>, arguments);
    LaunchChainedOn(stream, CombineKernel<kDv, T>, lists.combine_count * s.heads, kDv, 0, lists.o, lists.lse,
                    lists.combine, heads, static_cast<T*>(result.o), result.lse);
  });
}

}  // namespace

PagedAttentionPlan::PagedAttentionPlan(const AttentionPattern& pattern, const AttentionShape& shape)
    : lists_(std::make_unique<Lists>()) {
  RequireSupported(shape);
  const PagedWork work = ListPagedWork(pattern, shape.heads / shape.kv_heads);
  const int32_t count = static_cast<int32_t>(work.splits.size());
  lists_->shape = shape;
  lists_->splits = DeviceBuffer::Copy(std::span(work.splits));
  lists_->combine = DeviceBuffer::Copy(std::span(work.combine));
  lists_->pages = DeviceBuffer::Copy(std::span(work.pages));
  lists_->count = DeviceBuffer::Copy(std::span(&count, 1));
  lists_->split_count = count;
  lists_->combine_count = std::ssize(work.combine);
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
  Require(plan.last_page < keys.page_count, "attention: the pattern names page {} of {}", plan.last_page,
          keys.page_count);
  const PagedLists lists{plan.splits.data<const SplitWork>(),
                         plan.count.data<const int32_t>(),
                         plan.combine.data<const CombineWork>(),
                         plan.pages.data<const int32_t>(),
                         plan.split_count,
                         plan.combine_count,
                         plan.o.data<float>(),
                         plan.lse.data<float>()};
  LaunchPaged(q, keys, plan.shape, lists, result, stream);
}

Tensor ForwardPaged(const Tensor& q, const PagedKeys& keys, const AttentionShape& shape, const PassPlan& plan) {
  const PassPlan::Splits& work = plan.SplitsFor(shape.heads / shape.kv_heads);
  const int64_t most = work.splits.capacity();
  const auto floats = [](const Shape& size) { return Tensor::Empty(size, DType::kF32, Device::kCuda); };
  Tensor parts = floats({most * shape.kv_heads, 64, shape.value_dim}), part_lse = floats({most * shape.kv_heads, 64});
  Tensor o = Tensor::Empty({q.dim(0), q.dim(1), shape.value_dim}, q.dtype(), Device::kCuda);
  Tensor lse = floats({q.dim(0), q.dim(1)});
  const PagedLists lists{work.splits.data(),
                         work.count.data(),
                         work.combine.data(),
                         plan.pages(),
                         most,
                         work.combine_count,
                         parts.mutable_gpu_data<float>(),
                         part_lse.mutable_gpu_data<float>()};
  LaunchPaged(q.gpu_data(), keys, shape, lists, {o.mutable_gpu_data(), lse.mutable_gpu_data<float>()},
              gpu::WorkStream());
  return o;
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
