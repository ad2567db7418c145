// Attention to pages of q8_0, whose codes are multiplied as they lie where the processor sums products of bytes.
#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "kernels/attention_cases.h"
#include "kernels/for_each_isa.h"
#include "tessera/core/thread_pool.h"

namespace tessera::kernels {
namespace {

Tensor Rows(const Tensor& x, int64_t begin, int64_t end) { return x.Slice(0, begin, end).Contiguous(); }

bool SameBits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && std::memcmp(a.raw(), b.raw(), static_cast<size_t>(a.bytes())) == 0;
}

// Keys and values under scattered pages, with NaN in every place that no token has.
struct Q8Pages {
  std::vector<std::byte> memory;
  KvPages pages;

  // Writes the tables of pages into the pattern's sequences.
  Q8Pages(const Tensor& k, const Tensor& v, AttentionPattern& pattern)
      : pages{{DType::kQ8_0, k.dim(1), k.dim(2), v.dim(2)}, nullptr, 0} {
    for (const AttentionSequence& s : pattern.sequences)
      pages.page_count += (s.key_count + kPageTokens - 1) / kPageTokens;
    memory.assign(static_cast<size_t>(pages.page_count * pages.format.page_bytes()), std::byte{0xff});
    pages.base = memory.data();
    std::vector<int64_t> slots;
    int64_t free = pages.page_count;
    for (AttentionSequence& s : pattern.sequences) {
      s.pages.clear();
      for (int64_t t = 0; t < s.key_count; ++t) {
        if (t % kPageTokens == 0) s.pages.push_back(static_cast<int32_t>(--free));
        slots.push_back(s.pages.back() * kPageTokens + t % kPageTokens);
      }
    }
    StoreKv(pages, slots, k, v);
  }
};

TEST(AttentionToQ8Pages, IsTheTextbooksOfTheStoredValues) {
  ForEachIsa([](Isa) {
    for (const AttentionCase& c : AttentionCases()) {
      SCOPED_TRACE(c.name);
      const AttentionOperands x = c.Operands(3);
      AttentionSpec spec = c.Spec();
      const Q8Pages stored(x.k, x.v, spec.pattern);
      const AttentionOperands queries{x.q, {}, {}, x.sinks};
      const AttentionResult y = AttentionPaged(queries, stored.pages, spec);
      const AttentionResult expected = reference::AttentionPaged(queries, stored.pages, spec);
      ASSERT_EQ(y.o.shape(), expected.o.shape());
      const Tensor o = expected.o.To(DType::kF32), lse = expected.lse.To(DType::kF32);
      for (size_t i = 0; i < o.data<float>().size(); ++i)
        ASSERT_NEAR(y.o.data<float>()[i], o.data<float>()[i], 1e-4) << i;
      for (size_t i = 0; i < lse.data<float>().size(); ++i) {
        const float own = y.lse.data<float>()[i], other = lse.data<float>()[i];
        ASSERT_TRUE(own == other || std::abs(own - other) < 1e-4f) << i << ": " << own << ", " << other;
      }
    }
  });
}

TEST(AttentionToQ8Pages, ARowHasTheSameBitsInAnyCompany) {
  const int before = ThreadCount();
  ForEachIsa([before](Isa isa) {
    const int64_t length = isa == Isa::kPortable ? 140 : 577;
    for (const auto& [dim, value_dim] : {std::pair<int64_t, int64_t>{24, 40}, {64, 64}, {33, 72}, {1, 1}, {130, 16}}) {
      for (const int64_t window : {int64_t{0}, int64_t{100}}) {
        SCOPED_TRACE(::testing::Message() << dim << ", " << value_dim << ", window " << window);
        const AttentionCase all{"", OneSequence(length, length), 6, 2, dim, value_dim, 0, true};
        const AttentionOperands x = all.Operands(5);
        AttentionSpec spec = all.Spec();
        spec.pattern.window = window;
        const Q8Pages stored(x.k, x.v, spec.pattern);
        const Tensor together = AttentionPaged({x.q, {}, {}, x.sinks}, stored.pages, spec).o;
        for (const int64_t chunk : {1, 2, 5, 100}) {
          SetThreadCount(chunk == 5 ? 1 : before);
          for (int64_t begin = 0; begin < length; begin += chunk == 100 ? chunk : 41) {
            const int64_t end = std::min(length, begin + chunk);
            AttentionSpec part = spec;
            part.pattern.sequences[0].query_count = end - begin;
            part.pattern.sequences[0].key_count = end;
            const Tensor o = AttentionPaged({Rows(x.q, begin, end), {}, {}, x.sinks}, stored.pages, part).o;
            EXPECT_TRUE(SameBits(o, Rows(together, begin, end))) << chunk << " from " << begin;
          }
        }
        SetThreadCount(before);
      }
    }
  });
}

TEST(AttentionToQ8Pages, NodeOfATreeEqualsPlainDecodingOfItsPath) {
  ForEachIsa([](Isa) {
    for (const int64_t prefix : {0, 5, 63, 64, 500}) {
      constexpr int32_t kNodes = 90;
      const AttentionCase all{"", OneSequence(kNodes, prefix + kNodes), 6, 2, 24, 40, 0, true};
      const AttentionOperands x = all.Operands(6);
      AttentionSpec spec = all.Spec();
      std::vector<int32_t>& parents = spec.pattern.sequences[0].tree_parents;
      parents = RandomTree(kNodes, static_cast<uint32_t>(prefix));
      for (int32_t i = 40; i < kNodes; ++i) parents[static_cast<size_t>(i)] = i - 1;  // deep
      const Q8Pages stored(x.k, x.v, spec.pattern);
      const Tensor o = AttentionPaged({x.q, {}, {}, x.sinks}, stored.pages, spec).o;
      for (int32_t node = 0; node < kNodes; node += 7) {
        std::vector<int64_t> tokens;
        for (int32_t i = node; i >= 0; i = parents[static_cast<size_t>(i)]) tokens.insert(tokens.begin(), prefix + i);
        for (int64_t t = prefix; t-- > 0;) tokens.insert(tokens.begin(), t);
        const auto chosen = [&tokens](const Tensor& of) {
          Tensor rows = Tensor::Empty(of.shape().With(0, std::ssize(tokens)));
          const auto row_bytes = static_cast<size_t>(of.bytes() / of.dim(0));
          for (size_t i = 0; i < tokens.size(); ++i)
            std::memcpy(rows.mutable_raw() + i * row_bytes, of.raw() + static_cast<size_t>(tokens[i]) * row_bytes,
                        row_bytes);
          return rows;
        };
        AttentionSpec plain = all.Spec();
        plain.pattern = OneSequence(1, std::ssize(tokens));
        const Q8Pages path(chosen(x.k), chosen(x.v), plain.pattern);
        const Tensor alone = AttentionPaged({Rows(x.q, node, node + 1), {}, {}, x.sinks}, path.pages, plain).o;
        EXPECT_TRUE(SameBits(Rows(o, node, node + 1), alone)) << "prefix " << prefix << " node " << node;
      }
    }
  });
}

TEST(AttentionToQ8Pages, ExtremeQueriesSpoilTheirOwnRowsAlone) {
  ForEachIsa([](Isa) {
    const AttentionCase all{"", OneSequence(9, 100), 6, 2, 40, 40};
    const AttentionOperands x = all.Operands(7);
    AttentionSpec spec = all.Spec();
    const Q8Pages stored(x.k, x.v, spec.pattern);
    const Tensor plain = AttentionPaged({x.q, {}, {}, {}}, stored.pages, spec).o;
    Tensor q = x.q.Clone();
    const auto set = [&q](size_t row, float value) { q.mutable_data<float>()[row * 6 * 40 + 3] = value; };
    set(1, std::numeric_limits<float>::quiet_NaN());
    set(3, std::numeric_limits<float>::infinity());
    for (size_t i = 0; i < 6 * 40; ++i) q.mutable_data<float>()[5 * 6 * 40 + i] = 0;      // all keys count alike
    for (size_t i = 0; i < 6 * 40; ++i) q.mutable_data<float>()[7 * 6 * 40 + i] *= 1e6f;  // one key alone counts
    const Tensor o = AttentionPaged({q, {}, {}, {}}, stored.pages, spec).o;
    const Tensor expected = reference::AttentionPaged({q, {}, {}, {}}, stored.pages, spec).o.To(DType::kF32);
    for (const int64_t row : {0, 2, 4, 6, 8}) EXPECT_TRUE(SameBits(Rows(o, row, row + 1), Rows(plain, row, row + 1)));
    const auto values = o.data<float>();
    EXPECT_TRUE(std::isnan(values[1 * 6 * 40])) << "NaN";
    EXPECT_FALSE(std::isfinite(values[3 * 6 * 40])) << "infinity";
    for (const size_t row : {5u, 7u}) {
      for (size_t i = row * 6 * 40; i < (row + 1) * 6 * 40; ++i)
        ASSERT_NEAR(values[i], expected.data<float>()[i], 1e-4);
    }
  });
}

}  // namespace
}  // namespace tessera::kernels
