// Attention on the GPU against the textbook in double, and against itself.
#include "tessera/kernels/cuda/attention.h"

#include <gtest/gtest.h>

#include "kernels/cuda_attention_cases.h"
#include "tessera/kernels/cuda/paged_attention.h"

namespace tessera::kernels::cuda {
namespace {

DeviceBuffer ToDevice(const Tensor& x) {
  DeviceBuffer buffer(static_cast<size_t>(x.bytes()));
  buffer.Upload(x.raw());
  return buffer;
}
// Poisoned, so that a value which nobody writes is found.
DeviceBuffer Poisoned(int64_t bytes) {
  const std::vector<uint8_t> ones(static_cast<size_t>(bytes), 0xff);
  return DeviceBuffer::Copy(std::span(ones));
}
Tensor FromDevice(const DeviceBuffer& buffer, const Shape& shape, DType dtype) {
  Tensor x = Tensor::Empty(shape, dtype);
  buffer.Download(x.mutable_raw());
  return x;
}

struct OnGpu {
  static AttentionPlan Plan(const AttentionOperands& x, const AttentionSpec& spec) {
    const auto dim = [](const Tensor& t, int64_t axis) { return static_cast<int>(t.dim(axis)); };
    return AttentionPlan(spec.pattern, {x.q.dtype(), dim(x.q, 1), dim(x.k, 1), dim(x.q, 2), dim(x.v, 2), spec.scale});
  }
  template <typename T, int kDqk, int kDv, bool kCausal>
  static AttentionResult Forward(const AttentionOperands& x, const AttentionSpec& spec) {
    const DeviceBuffer q = ToDevice(x.q), k = ToDevice(x.k), v = ToDevice(x.v);
    const Shape o_shape{x.q.dim(0), x.q.dim(1), x.v.dim(2)}, lse_shape{x.q.dim(0), x.q.dim(1)};
    const DeviceBuffer o = Poisoned(x.q.dim(0) * x.q.dim(1) * x.v.dim(2) * 2),
                       lse = Poisoned(x.q.dim(0) * x.q.dim(1) * 4);
    Plan(x, spec).Forward({q.data<void>(), k.data<void>(), v.data<void>()}, {o.data<void>(), lse.data<float>()});
    Synchronize();
    return {FromDevice(o, o_shape, x.q.dtype()), FromDevice(lse, lse_shape, DType::kF32)};
  }
  template <typename T, int kDqk, int kDv, bool kCausal>
  static AttentionOperands Vjp(const AttentionOperands& x, const AttentionSpec& spec, const AttentionResult& result,
                               const Tensor& d_o) {
    const DeviceBuffer q = ToDevice(x.q), k = ToDevice(x.k), v = ToDevice(x.v), o = ToDevice(result.o),
                       lse = ToDevice(result.lse), g = ToDevice(d_o);
    const DeviceBuffer dq = Poisoned(x.q.bytes()), dk = Poisoned(x.k.bytes()), dv = Poisoned(x.v.bytes());
    Plan(x, spec).Vjp({q.data<void>(), k.data<void>(), v.data<void>()}, {o.data<void>(), lse.data<float>()},
                      g.data<void>(), {dq.data<void>(), dk.data<void>(), dv.data<void>()});
    Synchronize();
    const DType dtype = x.q.dtype();
    return {
        FromDevice(dq, x.q.shape(), dtype), FromDevice(dk, x.k.shape(), dtype), FromDevice(dv, x.v.shape(), dtype), {}};
  }
};

struct PagedOnGpu {
  template <typename T, int kDqk, int kDv>
  static AttentionResult Forward(const PagedCase& c, const AttentionOperands& x) {
    const DeviceBuffer q = ToDevice(x.q), k = ToDevice(x.k), v = ToDevice(x.v);
    const int64_t tokens = x.q.dim(0), heads = x.q.dim(1), kv_heads = x.k.dim(1);
    const AttentionShape shape{x.q.dtype(), static_cast<int>(heads), static_cast<int>(kv_heads), kDqk,
                               kDv,         c.one.Spec().scale};
    const DeviceBuffer k_pages = Poisoned(c.page_count * kv_heads * 64 * kDqk * 2);
    const DeviceBuffer v_pages = Poisoned(c.page_count * kv_heads * 64 * kDv * 2);
    const PagedKeys keys{k_pages.data<void>(), v_pages.data<void>(), c.page_count};
    const DeviceBuffer slots = DeviceBuffer::Copy(std::span(c.slots));
    StoreInPages(shape, k.data<void>(), v.data<void>(), slots.data<int64_t>(), static_cast<int>(c.slots.size()), keys);
    const DeviceBuffer o = Poisoned(tokens * heads * kDv * 2), lse = Poisoned(tokens * heads * 4);
    PagedAttentionPlan(c.one.pattern, shape).Forward(q.data<void>(), keys, {o.data<void>(), lse.data<float>()});
    Synchronize();
    return {FromDevice(o, {tokens, heads, kDv}, x.q.dtype()), FromDevice(lse, {tokens, heads}, DType::kF32)};
  }
};

TEST(CudaAttention, PagedErrsAtMostTwiceAsMuchAsThePlainFormula) {
  ExpectPaged<PagedOnGpu, BFloat16, 64, 64>();
  ExpectPaged<PagedOnGpu, BFloat16, 128, 128>();
  ExpectPaged<PagedOnGpu, Float16, 128, 128>();
  ExpectPaged<PagedOnGpu, BFloat16, 192, 128>();
  ExpectPaged<PagedOnGpu, BFloat16, 256, 256>();
}

TEST(CudaAttention, ForwardErrsAtMostTwiceAsMuchAsThePlainFormula) {
  ExpectForward<OnGpu, BFloat16, 64, 64>();
  ExpectForward<OnGpu, Float16, 64, 64>();
  ExpectForward<OnGpu, BFloat16, 128, 128>();
  ExpectForward<OnGpu, Float16, 128, 128>();
  ExpectForward<OnGpu, BFloat16, 192, 128>();
  ExpectForward<OnGpu, Float16, 192, 128>();
  ExpectForward<OnGpu, BFloat16, 256, 256>();
  ExpectForward<OnGpu, Float16, 256, 256>();
}

TEST(CudaAttention, GradientsErrAtMostThreeTimesAsMuchAsThePlainFormula) {
  ExpectVjp<OnGpu, BFloat16, 64, 64>();
  ExpectVjp<OnGpu, Float16, 64, 64>();
  ExpectVjp<OnGpu, BFloat16, 128, 128>();
  ExpectVjp<OnGpu, Float16, 128, 128>();
  ExpectVjp<OnGpu, BFloat16, 192, 128>();
  ExpectVjp<OnGpu, Float16, 192, 128>();
  ExpectVjp<OnGpu, BFloat16, 256, 256>();
  ExpectVjp<OnGpu, Float16, 256, 256>();
}

TEST(CudaAttention, SeenNanSpreads) { ExpectSeenNanSpreads<OnGpu>(); }

TEST(CudaAttention, OtherSequencesMayHoldNaN) { ExpectDeafToCompany<OnGpu>(); }

// Many blocks add to the same sums: their order must not depend on the moment.
TEST(CudaAttention, RunsRepeatBitForBit) {
  const AttentionCase c{"repeat", {.sequences = {{3000, 3000, {}, {}}, {1500, 2500, {}, {}}}}, 8, 2, 128, 128};
  const AttentionOperands x = c.Operands(5, DType::kBF16);
  const Tensor d_o = Normal({4500, 8, 128}, 6, DType::kBF16);
  const AttentionResult result = OnGpu::Forward<BFloat16, 128, 128, true>(x, c.Spec());
  const AttentionOperands first = OnGpu::Vjp<BFloat16, 128, 128, true>(x, c.Spec(), result, d_o);
  for (int run = 0; run < 5; ++run) {
    const AttentionResult again = OnGpu::Forward<BFloat16, 128, 128, true>(x, c.Spec());
    const AttentionOperands gradients = OnGpu::Vjp<BFloat16, 128, 128, true>(x, c.Spec(), result, d_o);
    const auto same = [](const Tensor& a, const Tensor& b) {
      EXPECT_EQ(std::memcmp(a.raw(), b.raw(), static_cast<size_t>(a.bytes())), 0);
    };
    same(again.o, result.o), same(again.lse, result.lse);
    same(gradients.q, first.q), same(gradients.k, first.k), same(gradients.v, first.v);
  }
}

TEST(CudaAttention, RefusesWhatItCannotDo) {
  AttentionPattern window = OneSequence(4, 4);
  window.window = 2;
  EXPECT_THROW(AttentionPlan(window, {}), Error);
  EXPECT_THROW(AttentionPlan(OneSequence(4, 4), {.head_dim = 80, .value_dim = 80}), Error);
  EXPECT_THROW(AttentionPlan(OneSequence(4, 4), {.dtype = DType::kF32}), Error);
  EXPECT_THROW(AttentionPlan(OneSequence(4, 4), {.heads = 3, .kv_heads = 2}), Error);
}

}  // namespace
}  // namespace tessera::kernels::cuda
