// Attention as operators see it: chooses the kernel that the shape and the pattern allow.
#include <algorithm>

#include "tessera/kernels/cuda/launch_chained.cuh"
#include "tessera/kernels/cuda/operators.h"
#include "tessera/kernels/cuda/paged_attention.h"
#include "tessera/kernels/cuda/plain_attention.cuh"
#include "tessera/kernels/cuda/with_type.cuh"

namespace tessera::kernels::cuda {
namespace {

constexpr int kHeadThreads = 128, kPlainThreads = 128;
// A sequence with more new rows than this reads its keys end to end, through the kernel for prompts.
constexpr int64_t kFewQueries = 16;
constexpr int64_t kRowsWorthPadding = 64;

int Int(int64_t value) { return static_cast<int>(value); }

template <typename P>
Pages<P> PagesOf(const KvPages& pages) {
  const KvPageFormat& f = pages.format;
  Require(pages.device == Device::kCuda, "cache: the keys are not on the GPU, where their queries are");
  P* keys = reinterpret_cast<P*>(pages.base);
  P* values = f.values_in_keys ? nullptr : keys + pages.page_count * f.kv_heads * kPageTokens * f.key_dim;
  return {keys, values, Int(f.kv_heads), Int(f.key_dim), Int(f.value_dim)};
}

template <typename T, typename P>
__global__ void StoreKernel(const HeadsIntoPages<T, P> work) {
  WaitForPredecessor();
  LetSuccessorStart();
  const int heads = work.HeadsOfRow();
  work.Head(blockIdx.x / heads, static_cast<int>(blockIdx.x) % heads);
}

template <typename P>
__global__ void MoveKernel(const int64_t* from, const int64_t* to, int count, Pages<P> pages) {
  WaitForPredecessor();
  LetSuccessorStart();
  MoveSlots(from, to, count, static_cast<int>(blockIdx.x), pages);
}

// Rows of keys and values from their slots, end to end.
template <typename P>
__global__ void EndToEndKernel(Pages<P> pages, const int64_t* slots, P* k, P* v) {
  WaitForPredecessor();
  LetSuccessorStart();
  const int64_t row = blockIdx.x, slot = slots[row];
  for (int head = 0; head < pages.kv_heads; ++head) {
    const int64_t from = pages.Head(slot, head), to = row * pages.kv_heads + head;
    for (int d = Thread(); d < pages.key_dim; d += Threads())
      k[to * pages.key_dim + d] = pages.k[from * pages.key_dim + d];
    for (int d = Thread(); d < pages.value_dim; d += Threads())
      v[to * pages.value_dim + d] = pages.v[from * pages.value_dim + d];
  }
}

template <typename Q, typename K>
__global__ void PlainAttentionKernel(const PlainAttentionArguments<Q, K> a) {
  __shared__ PlainAttentionShared shared;
  WaitForPredecessor();
  LetSuccessorStart();
  PlainAttentionRow(a, shared, blockIdx.x / a.heads, static_cast<int>(blockIdx.x % a.heads));
}

// Whether the kernels on tiles take it.
bool OnTiles(DType q, DType keys, int64_t key_dim, int64_t value_dim, const Tensor& sinks, const AttentionSpec& spec) {
  const bool dims = (key_dim == value_dim && (key_dim == 64 || key_dim == 128 || key_dim == 256)) ||
                    (key_dim == 192 && value_dim == 128);
  const bool trees =
      std::ranges::any_of(spec.pattern.sequences, [](const AttentionSequence& s) { return !s.tree_parents.empty(); });
  return dims && q == keys && (q == DType::kBF16 || q == DType::kF16) && !trees && spec.pattern.window == 0 &&
         spec.softcap == 0 && !sinks && spec.scale > 0;
}

AttentionShape ShapeOf(const Tensor& q, int64_t kv_heads, int64_t value_dim, float scale) {
  return {q.dtype(), Int(q.dim(1)), Int(kv_heads), Int(q.dim(2)), Int(value_dim), scale};
}

Tensor EndToEnd(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionShape& shape, const PassPlan& plan) {
  Tensor o = Tensor::Empty({q.dim(0), q.dim(1), shape.value_dim}, q.dtype(), Device::kCuda);
  Tensor lse = Tensor::Empty({q.dim(0), q.dim(1)}, DType::kF32, Device::kCuda);
  plan.EndToEnd(shape).Forward({q.gpu_data(), k.gpu_data(), v.gpu_data()},
                               {o.mutable_gpu_data(), lse.mutable_gpu_data<float>()}, gpu::WorkStream());
  return o;
}

template <typename K>
Tensor Plainly(const Tensor& q, const AttendedKeys<K>& keys, int64_t value_dim, const Tensor& sinks,
               const AttentionSpec& spec, const PassPlan& plan) {
  Require(keys.key_dim <= kMostHeadValues && value_dim <= kMostHeadValues,
          "attention on the GPU: heads of {} and {} values; up to {} are supported", keys.key_dim, value_dim,
          kMostHeadValues);
  const PassPlan::Sights& sights = plan.SightsFor(spec.pattern.window);
  Tensor o = Tensor::Empty({q.dim(0), q.dim(1), value_dim}, q.dtype(), Device::kCuda);
  const Tensor sink = sinks ? Cast(sinks, DType::kF32) : Tensor();
  WithGpuFloat(q.dtype(), [&]<typename Q>(Q) {
    const PlainAttentionArguments<Q, K> arguments{q.gpu_data<Q>(),
                                                  keys,
                                                  sights.rows.data(),
                                                  sights.paths.data(),
                                                  sink ? sink.gpu_data<float>() : nullptr,
                                                  Int(q.dim(1)),
                                                  Int(value_dim),
                                                  spec.scale,
                                                  spec.softcap,
                                                  o.mutable_gpu_data<Q>()};
    LaunchChained(PlainAttentionKernel<Q, K>, q.dim(0) * q.dim(1), kPlainThreads, 0, arguments);
  });
  return o;
}

}  // namespace

namespace {

// With q: queries [T, H, D] turned, and keys turned on their way into the pages; else keys as they are.
Tensor Store(const KvPages& pages, const PassPlan& plan, const Tensor& q, const Tensor& k, const Tensor& v,
             const RotaryAngles& angles) {
  const KvPageFormat& f = pages.format;
  Require(k.dim(1) == f.kv_heads && k.dim(2) == f.key_dim && (f.values_in_keys || v.dim(2) == f.value_dim),
          "cache: keys {} and values {} do not fit pages of {} heads, {} and {} values", k.shape(), v.shape(),
          f.kv_heads, f.key_dim, f.value_dim);
  Tensor turned = q ? Tensor::Empty(q.shape(), q.dtype(), Device::kCuda) : q;
  const int64_t heads = (q ? q.dim(1) : 0) + f.kv_heads * (f.values_in_keys ? 1 : 2);
  WithGpuFloat(k.dtype(), [&]<typename T>(T) {
    WithGpuFloat(f.dtype, [&]<typename P>(P) {
      const HeadsIntoPages<T, P> work{q ? q.gpu_data<T>() : nullptr,
                                      k.gpu_data<T>(),
                                      f.values_in_keys ? nullptr : v.gpu_data<T>(),
                                      q ? turned.mutable_gpu_data<T>() : nullptr,
                                      plan.slots(),
                                      q ? Int(q.dim(1)) : 0,
                                      angles,
                                      PagesOf<P>(pages)};
      LaunchChained(StoreKernel<T, P>, k.dim(0) * heads, kHeadThreads, 0, work);
    });
  });
  return turned;
}

}  // namespace

void StoreKv(const KvPages& pages, const PassPlan& plan, const Tensor& k, const Tensor& v) {
  Store(pages, plan, {}, k, v, {});
}

Tensor TurnAndStore(const KvPages& pages, const PassPlan& plan, const Tensor& q, const Tensor& k, const Tensor& v,
                    const Tensor& cos, const Tensor& sin, RotaryLayout layout) {
  Require(q.dim(2) == k.dim(2) && q.dtype() == k.dtype(), "cache: queries {} beside keys {}", q.shape(), k.shape());
  return Store(pages, plan, q, k, v,
               {cos.gpu_data<float>(), sin.gpu_data<float>(), Int(cos.dim(1)), layout == RotaryLayout::kHalves, false});
}

void MoveKv(const KvPages& pages, std::span<const int64_t> from, std::span<const int64_t> to) {
  if (from.empty()) return;
  const auto upload = [](std::span<const int64_t> slots) {
    return Tensor::From<int64_t>({slots.begin(), slots.end()}, {std::ssize(slots)}).To(Device::kCuda);
  };
  const Tensor source = upload(from), target = upload(to);
  WithGpuFloat(pages.format.dtype, [&]<typename P>(P) {
    LaunchChained(MoveKernel<P>, pages.format.kv_heads, kHeadThreads, 0, source.gpu_data<int64_t>(),
                  target.gpu_data<int64_t>(), Int(source.dim(0)), PagesOf<P>(pages));
  });
}

Tensor Attend(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& sinks, const AttentionSpec& spec,
              const PassPlan& plan) {
  if (OnTiles(q.dtype(), k.dtype(), k.dim(2), v.dim(2), sinks, spec))
    return EndToEnd(q, k, v, ShapeOf(q, k.dim(1), v.dim(2), spec.scale), plan);
  // Heads between the widths that tiles have take the next one: zeros add nothing to a score.
  const int64_t wide = std::max(k.dim(2), v.dim(2)) <= 64 ? 64 : std::max(k.dim(2), v.dim(2)) <= 128 ? 128 : 256;
  if (q.dim(0) >= kRowsWorthPadding && OnTiles(q.dtype(), k.dtype(), wide, wide, sinks, spec) &&
      std::max(k.dim(2), v.dim(2)) <= wide) {
    const Tensor wide_q = WithHeadDim(q, wide);
    const Tensor o =
        EndToEnd(wide_q, WithHeadDim(k, wide), WithHeadDim(v, wide), ShapeOf(wide_q, k.dim(1), wide, spec.scale), plan);
    return WithHeadDim(o, v.dim(2));
  }
  Tensor o;
  WithGpuFloat(k.dtype(), [&]<typename K>(K) {
    o = Plainly<K>(q, {k.gpu_data<K>(), v.gpu_data<K>(), Int(k.dim(1)), Int(k.dim(2)), Int(v.dim(2)), nullptr},
                   v.dim(2), sinks, spec, plan);
  });
  return o;
}

Tensor AttendPaged(const Tensor& q, const Tensor& sinks, const KvPages& pages, const AttentionSpec& spec,
                   const PassPlan& plan) {
  const KvPageFormat& f = pages.format;
  const bool on_tiles = OnTiles(q.dtype(), f.dtype, f.key_dim, f.value_dim, sinks, spec) && !f.values_in_keys &&
                        spec.pattern.causal && q.dim(1) / f.kv_heads <= 64;
  const bool few = std::ranges::all_of(spec.pattern.sequences,
                                       [](const AttentionSequence& s) { return s.query_count <= kFewQueries; });
  if (on_tiles && few) {
    const Pages<BFloat16> at = PagesOf<BFloat16>(pages);  // two bytes a value, whatever they are
    return ForwardPaged(q, {at.k, at.v, pages.page_count}, ShapeOf(q, f.kv_heads, f.value_dim, spec.scale), plan);
  }
  if (on_tiles) {
    const int64_t rows = spec.pattern.key_rows();
    Tensor k = Tensor::Empty({rows, f.kv_heads, f.key_dim}, f.dtype, Device::kCuda);
    Tensor v = Tensor::Empty({rows, f.kv_heads, f.value_dim}, f.dtype, Device::kCuda);
    LaunchChained(EndToEndKernel<BFloat16>, rows, kPlainThreads, 0, PagesOf<BFloat16>(pages), plan.KeySlots(),
                  k.mutable_gpu_data<BFloat16>(), v.mutable_gpu_data<BFloat16>());
    return EndToEnd(q, k, v, ShapeOf(q, f.kv_heads, f.value_dim, spec.scale), plan);
  }
  Tensor o;
  WithGpuFloat(f.dtype, [&]<typename K>(K) {
    const Pages<K> at = PagesOf<K>(pages);
    o = Plainly<K>(q,
                   {at.k, f.values_in_keys ? at.k : at.v, at.kv_heads, at.key_dim,
                    f.values_in_keys ? at.key_dim : at.value_dim, plan.pages()},
                   f.value_dim, sinks, spec, plan);
  });
  return o;
}

}  // namespace tessera::kernels::cuda
