#include "tessera/kernels/cuda/flash_attention.cuh"
#include "tessera/kernels/cuda/launch.cuh"

namespace tessera::kernels::cuda {
namespace {

template <class C>
__global__ void __launch_bounds__(C::kThreads, 1)
    ForwardKernel(const __grid_constant__ ForwardArguments<typename C::T> arguments) {
  ForwardBlock<C>(arguments, SharedMemory<ForwardShared<C>>(), static_cast<int>(blockIdx.x),
                  static_cast<int>(gridDim.x));
}

}  // namespace

void AttentionPlan::Forward(const AttentionInputs& x, const AttentionOutputs& result, Stream stream) const {
  Lists& plan = *lists_;
  if (plan.query_rows == 0) return;
  const AttentionShape& s = plan.shape;
  WithAttentionShape(plan, [&]<typename T, int kDqk, int kDv, bool kCausal>() {
    using C = ForwardConfig<T, kDqk, kDv, kCausal>;
    if (plan.query_work.tile != C::kRows) {
      const std::vector<QueryWork> work = ListQueryWork(plan.pattern, C::kRows);
      const int zeros[2] = {0, 0};
      plan.tickets = DeviceBuffer::Copy(std::span<const int>(zeros));
      plan.query_work = {DeviceBuffer::Copy(std::span(work)), static_cast<int>(work.size()), C::kRows};
    }
    const int64_t keys = plan.key_rows;
    const int64_t bytes_of_a_head = keys * (kDqk + kDv) * 2 * s.kv_heads / s.heads;
    const ForwardArguments<T> arguments{
        MakeTileMap(x.q, s.dtype, plan.query_rows, s.heads, kDqk, C::kRows),
        MakeTileMap(keys > 0 ? x.k : x.q, s.dtype, std::max<int64_t>(keys, 1), s.kv_heads, kDqk, C::kKeys),
        MakeTileMap(keys > 0 ? x.v : x.q, s.dtype, std::max<int64_t>(keys, 1), s.kv_heads, kDv, C::kKeys),
        plan.query_work.items.template data<QueryWork>(),
        plan.query_work.count,
        plan.tickets.template data<int>(),
        {s.heads, s.kv_heads, HeadsAtOnce(s.heads, bytes_of_a_head, plan.cache_bytes)},
        s.scale,
        static_cast<T*>(result.o),
        result.lse};
    const int64_t items = int64_t{plan.query_work.count} * s.heads;
    Require(items < (int64_t{1} << 31), "attention: {} tiles are more than a GPU counts", items);
    Launch(ForwardKernel<C>, std::min<int64_t>(items, plan.multiprocessors), C::kThreads,
           kSharedBytes<ForwardShared<C>>, stream, arguments);
  });
}

}  // namespace tessera::kernels::cuda
