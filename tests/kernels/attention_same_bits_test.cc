// A row of attention is the same bits whatever else is in the call: the promise under reproducible bugs, trustworthy
// caches and lossless speculative decoding.
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

#include "kernels/attention_cases.h"
#include "kernels/for_each_isa.h"
#include "tessera/core/thread_pool.h"

namespace tessera::kernels {
namespace {

constexpr int64_t kHeads = 6, kKvHeads = 2, kDim = 24, kValueDim = 40;

struct Sequence {
  AttentionOperands x;
  int64_t length;
  Sequence(int64_t tokens, uint32_t seed, DType dtype = DType::kF32)
      : x(AttentionCase{"", OneSequence(tokens, tokens), kHeads, kKvHeads, kDim, kValueDim, 0, true}.Operands(seed,
                                                                                                              dtype)),
        length(tokens) {}
};

AttentionSpec Spec(AttentionPattern pattern) { return {std::move(pattern), 0.3f, 0}; }

Tensor Rows(const Tensor& x, int64_t begin, int64_t end) { return x.Slice(0, begin, end).Contiguous(); }

Tensor Joined(const std::vector<Tensor>& parts) {
  int64_t rows = 0;
  for (const Tensor& part : parts) rows += part.dim(0);
  Tensor all = Tensor::Empty(parts[0].shape().With(0, rows), parts[0].dtype());
  std::byte* to = all.mutable_raw();
  for (const Tensor& part : parts) {
    std::memcpy(to, part.raw(), static_cast<size_t>(part.bytes()));
    to += part.bytes();
  }
  return all;
}

bool SameBits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && std::memcmp(a.raw(), b.raw(), static_cast<size_t>(a.bytes())) == 0;
}

Tensor Alone(const Sequence& s, int64_t window = 0) {
  AttentionPattern pattern = OneSequence(s.length, s.length);
  pattern.window = window;
  return Attention(s.x, Spec(pattern)).o;
}

// Rows in chunks of `chunk` queries, each against the keys so far.
Tensor Chunked(const Sequence& s, int64_t chunk, int64_t window = 0) {
  std::vector<Tensor> parts;
  for (int64_t begin = 0; begin < s.length; begin += chunk) {
    const int64_t end = std::min(s.length, begin + chunk);
    AttentionPattern pattern = OneSequence(end - begin, end);
    pattern.window = window;
    parts.push_back(
        Attention({Rows(s.x.q, begin, end), Rows(s.x.k, 0, end), Rows(s.x.v, 0, end), s.x.sinks}, Spec(pattern)).o);
  }
  return Joined(parts);
}

// The pages of `s` under a scattered page table, with NaN in every place that no token has.
struct Paged {
  std::vector<std::byte> memory;
  KvPages pages;
  std::vector<int32_t> table;
  std::vector<int64_t> slots;

  Paged(const Sequence& s, DType dtype) : pages{{dtype, kKvHeads, kDim, kValueDim}, nullptr, 0} {
    pages.page_count = 2 * ((s.length + kPageTokens - 1) / kPageTokens) + 1;
    memory.assign(static_cast<size_t>(pages.page_count * pages.format.page_bytes()), std::byte{0xff});
    pages.base = memory.data();
    for (int64_t t = 0; t < s.length; ++t) {
      if (t % kPageTokens == 0) table.push_back(static_cast<int32_t>(pages.page_count - 1 - 2 * (t / kPageTokens)));
      slots.push_back(table.back() * kPageTokens + t % kPageTokens);
    }
    StoreKv(pages, slots, s.x.k, s.x.v);
  }
};

Tensor FromPages(const Sequence& s, const Paged& paged, int64_t begin) {
  AttentionPattern pattern = OneSequence(s.length - begin, s.length);
  pattern.sequences[0].pages = paged.table;
  return AttentionPaged({Rows(s.x.q, begin, s.length), {}, {}, s.x.sinks}, paged.pages, Spec(pattern)).o;
}

TEST(AttentionSameBits, InChunksOf1And17And512) {
  ForEachIsa([](Isa isa) {
    for (DType dtype : {DType::kF32, DType::kBF16}) {
      const Sequence s(isa == Isa::kPortable ? 530 : 1100, 1, dtype);
      for (int64_t window : {0, 100}) {
        const Tensor alone = Alone(s, window);
        for (int64_t chunk : {1, 17, 512}) EXPECT_TRUE(SameBits(Chunked(s, chunk, window), alone)) << chunk;
      }
    }
  });
}

TEST(AttentionSameBits, InABatchOfEight) {
  ForEachIsa([](Isa) {
    std::vector<Sequence> all;
    std::vector<Tensor> q, k, v, o;
    AttentionPattern pattern;
    for (uint32_t i = 0; i < 8; ++i) {
      all.emplace_back(1 + 53 * i, i);
      all[i].x.sinks = all[0].x.sinks;
      q.push_back(all[i].x.q), k.push_back(all[i].x.k), v.push_back(all[i].x.v), o.push_back(Alone(all[i]));
      pattern.sequences.push_back({all[i].length, all[i].length, {}, {}});
    }
    EXPECT_TRUE(SameBits(Attention({Joined(q), Joined(k), Joined(v), all[0].x.sinks}, Spec(pattern)).o, Joined(o)));
  });
}

TEST(AttentionSameBits, WithAnyNumberOfThreads) {
  const int before = ThreadCount();
  ForEachIsa([&](Isa) {
    const Sequence s(600, 2);
    SetThreadCount(1);
    const Tensor prompt = Alone(s), step = Rows(prompt, 599, 600);
    for (int threads : {2, 4, 7}) {
      SetThreadCount(threads);
      EXPECT_TRUE(SameBits(Alone(s), prompt)) << threads;
      EXPECT_TRUE(
          SameBits(Attention({Rows(s.x.q, 599, 600), s.x.k, s.x.v, s.x.sinks}, Spec(OneSequence(1, 600))).o, step));
    }
    SetThreadCount(before);
  });
}

TEST(AttentionSameBits, InPagesOfF32) {
  ForEachIsa([](Isa) {
    const Sequence s(577, 3);
    const Tensor alone = Alone(s);
    const Paged paged(s, DType::kF32);
    for (int64_t begin : {0, 300, 576}) EXPECT_TRUE(SameBits(FromPages(s, paged, begin), Rows(alone, begin, 577)));
  });
}

TEST(AttentionSameBits, OfBf16AndF16InPagesOfTheirType) {
  ForEachIsa([](Isa) {
    for (DType dtype : {DType::kBF16, DType::kF16}) {
      const Sequence s(150, 4, dtype);
      EXPECT_TRUE(SameBits(FromPages(s, Paged(s, dtype), 0), Alone(s))) << Name(dtype);
    }
  });
}

// A single row takes twice as many columns of the values at a time.
TEST(AttentionSameBits, OneRowReadsPagesOfAnyWidthOfValues) {
  ForEachIsa([](Isa) {
    for (DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) {
      for (int64_t value_dim : {112, 128, 144, 208, 256, 320}) {
        const AttentionOperands x =
            AttentionCase{"", OneSequence(1, 200), 2, 2, 128, value_dim, 0, false}.Operands(9, dtype);
        KvPages pages{{dtype, 2, 128, value_dim}, nullptr, 4};
        std::vector<std::byte> memory(static_cast<size_t>(pages.page_count * pages.format.page_bytes()));
        pages.base = memory.data();
        std::vector<int64_t> slots(200);
        std::iota(slots.begin(), slots.end(), 0);
        StoreKv(pages, slots, x.k, x.v);
        AttentionPattern pattern = OneSequence(1, 200);
        const Tensor plain = Attention(x, Spec(pattern)).o;
        pattern.sequences[0].pages = {0, 1, 2, 3};
        EXPECT_TRUE(SameBits(AttentionPaged({x.q, {}, {}, {}}, pages, Spec(pattern)).o, plain))
            << Name(dtype) << ", " << value_dim;
      }
    }
  });
}

// Whether many rows read a converted tile or few rows the page itself.
TEST(AttentionSameBits, PagesOfEveryTypeGiveWhatTheirValuesGive) {
  ForEachIsa([](Isa isa) {
    for (DType dtype : {DType::kF32, DType::kBF16, DType::kF16, DType::kQ8_0}) {
      // Where codes are multiplied as bytes they give other bits: attention_q8_pages_test.cc.
      if (dtype == DType::kQ8_0 && (isa == Isa::kAvx512Vnni || isa == Isa::kAvx512Bf16)) continue;
      Sequence s(150, 5);
      s.x.sinks = s.x.sinks.To(DType::kBF16).To(DType::kF32);
      const Paged paged(s, dtype);
      std::vector<Tensor> k, v;
      for (int64_t slot : paged.slots) {
        const auto [key, value] = LoadKv(paged.pages, slot);
        k.push_back(key.Reshape({1, kKvHeads, kDim})), v.push_back(value.Reshape({1, kKvHeads, kValueDim}));
      }
      Sequence stored = s;
      stored.x.k = Joined(k), stored.x.v = Joined(v);
      // Beside pages of bf16, q is rounded where the processor multiplies pairs of bf16.
      const bool pairs = dtype == DType::kBF16 && isa == Isa::kAvx512Bf16;
      if (pairs) stored.x = {s.x.q.To(dtype), stored.x.k.To(dtype), stored.x.v.To(dtype), s.x.sinks.To(dtype)};
      const Tensor alone = Alone(stored);
      for (int64_t begin : {0, 140, 149}) {
        const Tensor o = FromPages(s, paged, begin), expected = Rows(alone, begin, 150);
        EXPECT_TRUE(SameBits(pairs ? o.To(dtype) : o, expected)) << Name(dtype) << " from row " << begin;
      }
    }
  });
}

// Every node of a random tree against the plain run of its path.
void CompareTreeWithPaths(DType dtype) {
  ForEachIsa([dtype](Isa) {
    for (int64_t prefix : {0, 5, 63, 64, 500, 512}) {
      constexpr int32_t kNodes = 90;
      const Sequence s(prefix + kNodes, 6, dtype);
      AttentionPattern pattern = OneSequence(kNodes, s.length);
      pattern.sequences[0].tree_parents = RandomTree(kNodes, static_cast<uint32_t>(prefix));
      for (int32_t i = 40; i < kNodes; ++i) pattern.sequences[0].tree_parents[static_cast<size_t>(i)] = i - 1;  // deep
      const Tensor q = Rows(s.x.q, prefix, s.length);
      const Tensor o = Attention({q, s.x.k, s.x.v, s.x.sinks}, Spec(pattern)).o;
      const Paged paged(s, dtype);
      AttentionPattern in_pages = pattern;
      in_pages.sequences[0].pages = paged.table;
      EXPECT_TRUE(SameBits(AttentionPaged({q, {}, {}, s.x.sinks}, paged.pages, Spec(in_pages)).o, o));
      for (int32_t node = 0; node < kNodes; node += 7) {
        std::vector<Tensor> k{Rows(s.x.k, 0, prefix)}, v{Rows(s.x.v, 0, prefix)};
        std::vector<int32_t> path;
        for (int32_t i = node; i >= 0; i = pattern.sequences[0].tree_parents[static_cast<size_t>(i)]) path.push_back(i);
        for (size_t i = path.size(); i-- > 0;) {
          k.push_back(Rows(s.x.k, prefix + path[i], prefix + path[i] + 1));
          v.push_back(Rows(s.x.v, prefix + path[i], prefix + path[i] + 1));
        }
        const AttentionPattern plain = OneSequence(1, prefix + static_cast<int64_t>(path.size()));
        const Tensor alone = Attention({Rows(q, node, node + 1), Joined(k), Joined(v), s.x.sinks}, Spec(plain)).o;
        EXPECT_TRUE(SameBits(Rows(o, node, node + 1), alone)) << "prefix " << prefix << " node " << node;
      }
    }
  });
}

TEST(AttentionSameBits, NodeOfATreeEqualsPlainDecodingOfItsPath) { CompareTreeWithPaths(DType::kF32); }
TEST(AttentionSameBits, NodeOfATreeOfBf16EqualsPlainDecodingOfItsPath) { CompareTreeWithPaths(DType::kBF16); }

TEST(AttentionSameBits, ChainGivenAsATreeEqualsThePlainRun) {
  const Sequence s(200, 8);
  AttentionPattern chain = OneSequence(30, 200);
  for (int32_t i = 0; i < 30; ++i) chain.sequences[0].tree_parents.push_back(i - 1);
  for (int64_t window : {0, 20}) {
    chain.window = window;
    EXPECT_TRUE(SameBits(Attention({Rows(s.x.q, 170, 200), s.x.k, s.x.v, s.x.sinks}, Spec(chain)).o,
                         Rows(Alone(s, window), 170, 200)));
  }
}

TEST(AttentionSameBits, ChangingALaterTokenChangesNothingEarlier) {
  ForEachIsa([](Isa) {
    Sequence s(140, 9);
    const Tensor before = Alone(s);
    for (int64_t token : {139, 128, 64, 1}) {
      for (Tensor* x : {&s.x.q, &s.x.k, &s.x.v}) {
        *x = x->Clone();
        const size_t row = static_cast<size_t>(x->dim(1) * x->dim(2));
        for (size_t i = 0; i < row; ++i) x->mutable_data<float>()[static_cast<size_t>(token) * row + i] *= -3;
      }
      const Tensor after = Alone(s);
      EXPECT_TRUE(SameBits(Rows(after, 0, token), Rows(before, 0, token)));
      EXPECT_FALSE(SameBits(Rows(after, token, token + 1), Rows(before, token, token + 1)));
    }
  });
}

TEST(AttentionSameBits, AfterTheAcceptedPathIsMovedInPages) {
  const Sequence s(100, 10);
  Paged paged(s, DType::kBF16);
  // Nodes 92, 95 and 97 of a tree over the last ten tokens were accepted: they become tokens 90, 91 and 92.
  std::vector<int64_t> from{paged.slots[92], paged.slots[95], paged.slots[97]};
  std::vector<int64_t> to{paged.slots[90], paged.slots[91], paged.slots[92]};
  MoveKv(paged.pages, from, to);
  Sequence accepted = s;
  accepted.length = 93;
  accepted.x.k = Joined({Rows(s.x.k, 0, 90), Rows(s.x.k, 92, 93), Rows(s.x.k, 95, 96), Rows(s.x.k, 97, 98)});
  accepted.x.v = Joined({Rows(s.x.v, 0, 90), Rows(s.x.v, 92, 93), Rows(s.x.v, 95, 96), Rows(s.x.v, 97, 98)});
  const Paged fresh(accepted, DType::kBF16);
  EXPECT_TRUE(SameBits(FromPages(accepted, paged, 92), FromPages(accepted, fresh, 92)));
}

}  // namespace
}  // namespace tessera::kernels
