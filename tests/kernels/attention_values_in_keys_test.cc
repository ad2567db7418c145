// Pages that store a value as the beginning of its key (latent attention): attention over them is the same bits as over
// plain tensors that hold what was stored.
#include <gtest/gtest.h>

#include <cstring>

#include "kernels/attention_cases.h"
#include "kernels/for_each_isa.h"

namespace tessera::kernels {
namespace {

constexpr int64_t kHeads = 6;

// Keys [T, G, D] of random numbers in pages of a scattered table, with NaN in every place that no token has; and, as
// plain tensors, what the pages hold.
struct Shared {
  std::vector<std::byte> memory;
  KvPages pages;
  AttentionSequence sequence;  // all its keys
  Tensor k, v;

  Shared(const KvPageFormat& format, int64_t tokens) : pages{format, nullptr, 2 * (tokens / kPageTokens + 1)} {
    memory.assign(static_cast<size_t>(pages.page_count * format.page_bytes()), std::byte{0xff});
    pages.base = memory.data();
    std::vector<int64_t> slots;
    for (int64_t t = 0; t < tokens; ++t) {
      if (t % kPageTokens == 0)
        sequence.pages.push_back(static_cast<int32_t>(pages.page_count - 1 - 2 * (t / kPageTokens)));
      slots.push_back(sequence.pages.back() * kPageTokens + t % kPageTokens);
    }
    sequence.key_count = tokens;
    StoreKv(pages, slots, Normal({tokens, format.kv_heads, format.key_dim}, 1), {});
    k = Tensor::Empty({tokens, format.kv_heads, format.key_dim});
    v = Tensor::Empty({tokens, format.kv_heads, format.value_dim});
    for (size_t t = 0; t < slots.size(); ++t) {
      const auto [key, value] = LoadKv(pages, slots[t]);
      std::ranges::copy(key.data<float>(), k.mutable_data<float>().begin() + static_cast<int64_t>(t) * key.numel());
      std::ranges::copy(value.data<float>(), v.mutable_data<float>().begin() + static_cast<int64_t>(t) * value.numel());
    }
  }
};

void ExpectSameBits(const Shared& shared, AttentionPattern pattern, const Tensor& q, Isa isa) {
  const AttentionSpec plain{pattern, 0.2f, 0};
  pattern.sequences[0].pages = shared.sequence.pages;
  Tensor o = AttentionPaged({q, {}, {}, {}}, shared.pages, {pattern, 0.2f, 0}).o;
  AttentionOperands x{q, shared.k, shared.v, {}};
  // Beside pages of bf16, q is rounded where the processor multiplies pairs of bf16.
  const DType dtype = shared.pages.format.dtype;
  if (dtype == DType::kBF16 && isa == Isa::kAvx512Bf16)
    x = {q.To(dtype), x.k.To(dtype), x.v.To(dtype), {}}, o = o.To(dtype);
  const Tensor expected = Attention(x, plain).o;
  EXPECT_EQ(std::memcmp(o.raw(), expected.raw(), static_cast<size_t>(o.bytes())), 0)
      << Name(dtype) << ", " << q.dim(0) << " queries over " << shared.sequence.key_count << " keys";
}

TEST(AttentionOverValuesInKeys, IsTheBitsOfPlainKeysAndValues) {
  ForEachIsa([](Isa isa) {
    for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16, DType::kQ8_0}) {
      for (const auto& [kv_heads, key_dim, value_dim] : {std::tuple{1, 40, 24}, {2, 33, 32}, {1, 72, 64}, {3, 7, 7}}) {
        const Shared shared({dtype, kv_heads, key_dim, value_dim, true}, 150);
        for (const int64_t queries : {1, 3, 20, 150})
          ExpectSameBits(shared, OneSequence(queries, 150), Normal({queries, kHeads, key_dim}, 2), isa);
      }
    }
  });
}

TEST(AttentionOverValuesInKeys, IsTheBitsOfPlainKeysAndValuesInLongContexts) {
  ForEachIsa([](Isa isa) {
    for (const DType dtype : {DType::kBF16, DType::kQ8_0}) {
      const Shared shared({dtype, 1, 40, 32, true}, 1100);
      for (const int64_t queries : {1, 40}) {
        AttentionPattern pattern = OneSequence(queries, 1100);
        ExpectSameBits(shared, pattern, Normal({queries, kHeads, 40}, 3), isa);
        pattern.window = 100;
        ExpectSameBits(shared, pattern, Normal({queries, kHeads, 40}, 3), isa);
      }
    }
  });
}

TEST(AttentionOverValuesInKeys, IsTheBitsOfPlainKeysAndValuesInTrees) {
  ForEachIsa([](Isa isa) {
    for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16, DType::kQ8_0}) {
      const Shared shared({dtype, 1, 40, 24, true}, 140);
      AttentionPattern pattern = OneSequence(70, 140);
      pattern.sequences[0].tree_parents = RandomTree(70, 4);
      ExpectSameBits(shared, pattern, Normal({70, kHeads, 40}, 5), isa);
    }
  });
}

// The kernel against the textbook, with the sizes of Moonlight.
TEST(AttentionOverValuesInKeys, MatchesTheTextbookInTheSizesOfMoonlight) {
  ForEachIsa([](Isa) {
    for (const DType dtype : {DType::kF32, DType::kF16, DType::kQ8_0, DType::kBF16}) {
      const Shared shared({dtype, 1, 576, 512, true}, 70);
      AttentionPattern pattern = OneSequence(3, 70);
      pattern.sequences[0].pages = shared.sequence.pages;
      const AttentionOperands x{Normal({3, 16, 576}, 6).To(DType::kBF16).To(DType::kF32), {}, {}, {}};
      const AttentionSpec spec{pattern, 0.05f, 0};
      const Tensor o = AttentionPaged(x, shared.pages, spec).o,
                   truth = reference::AttentionPaged(x, shared.pages, spec).o;
      const float allowed = dtype == DType::kBF16 ? 2e-2f : 2e-5f;  // P is rounded to bf16 there
      for (size_t i = 0; i < o.data<float>().size(); ++i)
        ASSERT_NEAR(o.data<float>()[i], truth.data<float>()[i], allowed) << Name(dtype);
    }
  });
}

}  // namespace
}  // namespace tessera::kernels
