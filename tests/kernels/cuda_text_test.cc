// The text of the CUDA kernels, run on the host: its mathematics, indices and barriers, against the textbook in double.
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/cuda_attention_cases.h"
#include "tessera/kernels/cuda/flash_attention_vjp_wide.cuh"
#include "tessera/kernels/cuda/flash_decode.cuh"

namespace tessera::kernels::cuda {
namespace {

TileMap Map(const Tensor& x) { return {x.raw(), x.dim(0), x.dim(1)}; }

template <typename T>
T* Data(Tensor& x) {
  return x.mutable_data<T>().data();
}

// What the launcher does on a GPU, block after block.
template <class C>
AttentionResult RunForward(const AttentionOperands& x, const AttentionSpec& spec) {
  using T = typename C::T;
  const int heads = static_cast<int>(x.q.dim(1)), kv_heads = static_cast<int>(x.k.dim(1));
  AttentionResult result{Tensor::Full({x.q.dim(0), heads, C::kDv}, NAN, x.q.dtype()),
                         Tensor::Full({x.q.dim(0), heads}, NAN)};
  const std::vector<QueryWork> work = ListQueryWork(spec.pattern, C::kRows);
  int tickets[2] = {0, 0};
  const ForwardArguments<T> arguments{Map(x.q),
                                      Map(x.k),
                                      Map(x.v),
                                      work.data(),
                                      static_cast<int>(work.size()),
                                      tickets,
                                      {heads, kv_heads, HeadsAtOnce(heads, 1, 2)},
                                      spec.scale,
                                      Data<T>(result.o),
                                      Data<float>(result.lse)};
  const int blocks = std::min(5, static_cast<int>(work.size()) * heads);
  for (int block = 0; block < blocks; ++block) {
    const auto shared = std::make_unique<ForwardShared<C>>();
    RunBlock(C::kConsumers, [&] { ForwardBlock<C>(arguments, *shared, block, blocks); });
  }
  EXPECT_EQ(tickets[0], 0) << "the next pass would begin in the middle";
  EXPECT_EQ(tickets[1], 0);
  return result;
}

template <class C>
AttentionOperands RunVjp(const AttentionOperands& x, const AttentionSpec& spec, const AttentionResult& result,
                         const Tensor& d_o) {
  using T = typename C::T;
  const int heads = static_cast<int>(x.q.dim(1)), kv_heads = static_cast<int>(x.k.dim(1));
  const auto like = [](const Tensor& t) { return Tensor::Full(t.shape(), NAN, t.dtype()); };
  AttentionOperands gradients{like(x.q), like(x.k), like(x.v), {}};
  Tensor delta = Tensor::Empty({x.q.dim(0), heads});
  const T *o = result.o.template data<T>().data(), *d_o_data = d_o.data<T>().data();
  for (int64_t row = 0; row < delta.numel(); ++row) DeltaRow<C::kDv>(o, d_o_data, Data<float>(delta), row);

  const std::vector<KeyWork> work = ListKeyWork(spec.pattern, C::kKeys, C::kRows);
  const size_t sums = static_cast<size_t>(SumTiles(spec.pattern, C::kRows) * heads);
  std::vector<float> dq_sums(sums * C::kRows * C::kDqk, NAN);
  std::vector<int> turns(sums, 0);
  int ticket = 0;
  const VjpArguments<T> arguments{Map(x.q),
                                  Map(x.k),
                                  Map(x.v),
                                  Map(d_o),
                                  work.data(),
                                  static_cast<int>(work.size()),
                                  {heads, kv_heads, HeadsAtOnce(kv_heads, 1, 2)},
                                  spec.scale,
                                  result.lse.data<float>().data(),
                                  delta.data<float>().data(),
                                  Data<T>(gradients.k),
                                  Data<T>(gradients.v),
                                  dq_sums.data(),
                                  turns.data(),
                                  &ticket};
  for (int block = 0; block < static_cast<int>(work.size()) * kv_heads; ++block) {
    const auto shared = std::make_unique<VjpShared<C>>();
    RunBlock(C::kConsumers, [&] { VjpBlock<C>(arguments, *shared); });
  }
  for (const QueryWork& w : ListQueryWork(spec.pattern, C::kRows))
    for (int head = 0; head < heads; ++head)
      FinishQueryGradient<C>(dq_sums.data(), turns.data(), w, heads, head, spec.scale, Data<T>(gradients.q));
  return gradients;
}

struct PagedOnHost {
  template <typename T, int kDqk, int kDv>
  static AttentionResult Forward(const PagedCase& c, const AttentionOperands& x) {
    using C = DecodeConfig<T, kDqk, kDv>;
    const int heads = static_cast<int>(x.q.dim(1)), kv_heads = static_cast<int>(x.k.dim(1));
    Tensor k = Tensor::Full({c.page_count * kv_heads * 64, 1, kDqk}, NAN, x.q.dtype());
    Tensor v = Tensor::Full({c.page_count * kv_heads * 64, 1, kDv}, NAN, x.q.dtype());
    for (int token = 0; token < static_cast<int>(c.slots.size()); ++token)
      for (int head = 0; head < kv_heads; ++head) {
        const int64_t slot = c.slots[static_cast<size_t>(token)];
        StoreRowInPage(x.k.data<T>().data(), Data<T>(k), slot, token, kv_heads, head, kDqk);
        StoreRowInPage(x.v.data<T>().data(), Data<T>(v), slot, token, kv_heads, head, kDv);
      }
    const PagedWork work = ListPagedWork(c.one.pattern, heads / kv_heads);
    const size_t rows = work.splits.size() * static_cast<size_t>(kv_heads) * 64;
    std::vector<float> o(rows * kDv, NAN), lse(rows, NAN);
    const HeadOrder order{heads, kv_heads, 1};
    const auto split_count = static_cast<int32_t>(work.splits.size());
    const DecodeArguments<T> arguments{
        x.q.data<T>().data(), Map(k),   Map(v),    work.pages.data(), work.splits.data(), &split_count, order,
        c.one.Spec().scale,   o.data(), lse.data()};
    const int blocks = std::min(3, static_cast<int>(work.splits.size()) * kv_heads);
    for (int block = 0; block < blocks; ++block) {
      const auto shared = std::make_unique<DecodeShared<C>>();
      RunBlock(C::kConsumers, [&] { DecodeBlock<C>(arguments, *shared, block, blocks); });
    }
    AttentionResult result{Tensor::Full({x.q.dim(0), heads, kDv}, NAN, x.q.dtype()),
                           Tensor::Full({x.q.dim(0), heads}, NAN)};
    for (const CombineWork& w : work.combine)
      for (int i = 0; i < w.tokens * heads; ++i)
        for (int part = 0; part < kDv / kLanes; ++part)
          CombineRow<kDv>(o.data(), lse.data(), w, order, i / heads, i % heads, part, Data<T>(result.o),
                          Data<float>(result.lse));
    return result;
  }
};

struct OnHost {
  template <typename T, int kDqk, int kDv, bool kCausal>
  static AttentionResult Forward(const AttentionOperands& x, const AttentionSpec& spec) {
    return RunForward<ForwardConfig<T, kDqk, kDv, kCausal>>(x, spec);
  }
  template <typename T, int kDqk, int kDv, bool kCausal>
  static AttentionOperands Vjp(const AttentionOperands& x, const AttentionSpec& spec, const AttentionResult& result,
                               const Tensor& d_o) {
    return RunVjp<VjpConfig<T, kDqk, kDv, kCausal>>(x, spec, result, d_o);
  }
};

// Forward errs at most twice as much as the plain formula, gradients three times.
TEST(CudaText, ErrsAsLittleAsThePlainFormulaForHeadsOf64) {
  ExpectForward<OnHost, BFloat16, 64, 64>();
  ExpectVjp<OnHost, BFloat16, 64, 64>();
}
TEST(CudaText, ErrsAsLittleAsThePlainFormulaForHeadsOf128) {
  ExpectForward<OnHost, Float16, 128, 128>();
  ExpectVjp<OnHost, Float16, 128, 128>();
}
TEST(CudaText, ErrsAsLittleAsThePlainFormulaForLatentHeads) {
  ExpectForward<OnHost, BFloat16, 192, 128>();
  ExpectVjp<OnHost, BFloat16, 192, 128>();
}
TEST(CudaText, ErrsAsLittleAsThePlainFormulaForHeadsOf256) {
  ExpectForward<OnHost, BFloat16, 256, 256>();
  ExpectVjp<OnHost, BFloat16, 256, 256>();
}

TEST(CudaText, PagedErrsAtMostTwiceAsMuchAsThePlainFormula) {
  ExpectPaged<PagedOnHost, BFloat16, 64, 64>();
  ExpectPaged<PagedOnHost, Float16, 192, 128>();
}

TEST(CudaText, SeenNanSpreads) { ExpectSeenNanSpreads<OnHost>(); }

TEST(CudaText, OtherSequencesMayHoldNaN) { ExpectDeafToCompany<OnHost>(); }

}  // namespace
}  // namespace tessera::kernels::cuda
