#include "tessera/kernels/cuda/flash_attention_vjp_wide.cuh"
#include "tessera/kernels/cuda/launch.cuh"

namespace tessera::kernels::cuda {
namespace {

template <class C>
__global__ void __launch_bounds__(C::kThreads, 1)
    VjpKernel(const __grid_constant__ VjpArguments<typename C::T> arguments) {
  VjpBlock<C>(arguments, SharedMemory<VjpShared<C>>());
}

template <int kDv, typename T>
__global__ void DeltaKernel(const T* o, const T* d_o, float* delta, int64_t rows) {
  const int64_t row = int64_t{blockIdx.x} * (blockDim.x / 32) + threadIdx.x / 32;
  if (row < rows) DeltaRow<kDv>(o, d_o, delta, row);
}

template <class C>
__global__ void FinishKernel(const float* dq_sums, const int* turns, const QueryWork* work, int heads, float scale,
                             typename C::T* dq) {
  const int item = static_cast<int>(blockIdx.x) / heads, head = static_cast<int>(blockIdx.x) % heads;
  FinishQueryGradient<C>(dq_sums, turns, work[item], heads, head, scale, dq);
}

}  // namespace

void AttentionPlan::Vjp(const AttentionInputs& x, const AttentionOutputs& result, const void* d_o,
                        const AttentionGradients& gradients, Stream stream) const {
  Lists& plan = *lists_;
  const AttentionShape& s = plan.shape;
  WithAttentionShape(plan, [&]<typename T, int kDqk, int kDv, bool kCausal>() {
    using C = VjpConfig<T, kDqk, kDv, kCausal>;
    const int64_t sums = SumTiles(plan.pattern, C::kRows) * s.heads, rows = plan.query_rows * s.heads;
    if (plan.key_work.tile != C::kKeys) {
      const std::vector<KeyWork> keys = ListKeyWork(plan.pattern, C::kKeys, C::kRows);
      const std::vector<QueryWork> queries = ListQueryWork(plan.pattern, C::kRows);
      plan.key_work = {DeviceBuffer::Copy(std::span(keys)), static_cast<int>(keys.size()), C::kKeys};
      plan.gradient_work = {DeviceBuffer::Copy(std::span(queries)), static_cast<int>(queries.size()), C::kRows};
      plan.delta = DeviceBuffer(static_cast<size_t>(rows) * sizeof(float));
      plan.dq_sums = DeviceBuffer(static_cast<size_t>(sums) * C::kRows * kDqk * sizeof(float));
      plan.turns = DeviceBuffer(static_cast<size_t>(sums + 1) * sizeof(int));
    }
    int* turns = plan.turns.template data<int>();
    Check(cudaMemsetAsync(turns, 0, plan.turns.bytes(), stream), "attention's gradient");
    Launch(DeltaKernel<kDv, T>, (rows + 7) / 8, 256, 0, stream, static_cast<const T*>(result.o),
           static_cast<const T*>(d_o), plan.delta.template data<float>(), rows);
    if (plan.key_work.count > 0) {
      const int64_t query_rows = std::max<int64_t>(plan.query_rows, 1);
      const auto or_keys = [&](const void* data) { return plan.query_rows > 0 ? data : x.k; };
      const VjpArguments<T> arguments{MakeTileMap(or_keys(x.q), s.dtype, query_rows, s.heads, kDqk, C::kRows),
                                      MakeTileMap(x.k, s.dtype, plan.key_rows, s.kv_heads, kDqk, C::kKeys),
                                      MakeTileMap(x.v, s.dtype, plan.key_rows, s.kv_heads, kDv, C::kKeys),
                                      MakeTileMap(or_keys(d_o), s.dtype, query_rows, s.heads, kDv, C::kRows),
                                      plan.key_work.items.template data<KeyWork>(),
                                      plan.key_work.count,
                                      {s.heads, s.kv_heads, GradientHeadsAtOnce(plan.pattern, s.kv_heads, s.head_dim)},
                                      s.scale,
                                      result.lse,
                                      plan.delta.template data<float>(),
                                      static_cast<T*>(gradients.dk),
                                      static_cast<T*>(gradients.dv),
                                      plan.dq_sums.template data<float>(),
                                      turns,
                                      turns + sums};
      Launch(VjpKernel<C>, int64_t{plan.key_work.count} * s.kv_heads, C::kThreads, kSharedBytes<VjpShared<C>>, stream,
             arguments);
    }
    Launch(FinishKernel<C>, int64_t{plan.gradient_work.count} * s.heads, 128, 0, stream,
           plan.dq_sums.template data<const float>(), static_cast<const int*>(turns),
           plan.gradient_work.items.template data<const QueryWork>(), s.heads, s.scale, static_cast<T*>(gradients.dq));
  });
}

}  // namespace tessera::kernels::cuda
