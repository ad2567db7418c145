#include "tessera/kernels/int8_attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/attention_cases.h"
#include "kernels/attention_plain.h"
#include "kernels/for_each_isa.h"
#include "tessera/core/thread_pool.h"

namespace tessera::kernels {
namespace {

AttentionPattern Full(const std::vector<int64_t>& lengths) {
  AttentionPattern pattern{.causal = false};
  for (const int64_t n : lengths) pattern.sequences.push_back({n, n, {}, {}});
  return pattern;
}

// Every query sees all keys: windows, pictures, tiles and stripes that end anywhere, heads of towers and odd ones.
std::vector<AttentionCase> FullCases() {
  AttentionPattern steps{.sequences = {{3, 300, {}, {}}, {0, 4, {}, {}}, {7, 1, {}, {}}, {65, 66, {}, {}}},
                         .causal = false};
  return {{"one", Full({1}), 1, 1, 1, 1},
          {"few", Full({5}), 2, 2, 3, 2},
          {"stripe", Full({64}), 2, 2, 64, 64},
          {"beyond a stripe", Full({65}), 1, 1, 80, 80},
          {"tile", Full({256}), 1, 1, 80, 80},
          {"beyond a tile", Full({257}), 2, 2, 72, 72},
          {"two tiles", Full({500}), 1, 1, 96, 96},
          {"windows", Full({64, 32, 16, 8, 64}), 2, 2, 80, 80},
          {"pictures", Full({130, 1, 270, 77}), 2, 2, 128, 128},
          {"steps", steps, 2, 2, 40, 24},
          {"groups", Full({90}), 6, 2, 17, 33},
          {"wide", Full({70}), 1, 1, 256, 176}};
}

double Distance(const Tensor& a, const Tensor& b) {
  const Tensor x = a.To(DType::kF64), y = b.To(DType::kF64);
  double apart = 0, size = 0;
  for (size_t i = 0; i < x.data<double>().size(); ++i) {
    apart += std::pow(x.data<double>()[i] - y.data<double>()[i], 2);
    size += std::pow(y.data<double>()[i], 2);
  }
  return std::sqrt(apart / size);
}

bool SameBits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && std::memcmp(a.raw(), b.raw(), static_cast<size_t>(a.bytes())) == 0;
}

bool HasVnni(Isa isa) { return isa == Isa::kAvx512Vnni || isa == Isa::kAvx512Bf16; }

// Runs the body with each instruction set that multiplies in 8 bits.
template <typename Body>
void ForEachVnni(const Body& body) {
  ForEachIsa([&](Isa isa) {
    if (HasVnni(isa)) body();
  });
}

// Weights may differ from the formula's by one of 255, where one or the other is about to round up.
TEST(Int8Attention, FollowsItsFormulaAndErrsAsMuch) {
  ForEachVnni([] {
    for (const AttentionCase& c : FullCases()) {
      for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) {
        const AttentionOperands x = c.Operands(3, dtype);
        ASSERT_TRUE(MultipliesInInt8(x, c.Spec()));
        const Tensor got = Int8Attention(x, c.Spec());
        EXPECT_EQ(got.dtype(), dtype);
        const Tensor formula = reference::Int8Attention(Wide(x), c.Spec()),
                     exact = reference::Attention(Wide(x), c.Spec()).o;
        EXPECT_LT(Distance(got, formula), 0.01) << c.name;
        EXPECT_LT(Distance(got, exact), 1.2 * Distance(formula, exact) + Epsilon(dtype)) << c.name;
        EXPECT_LT(Distance(got, exact), 0.02) << c.name;
      }
    }
  });
}

TEST(Int8Attention, IsAttentionItselfWhereItCannotMultiplyInInt8) {
  const AttentionCase full{"full", Full({70}), 2, 2, 16, 16};
  AttentionCase causal = full, window = full, tree = full, capped = full, sinking = full;
  causal.pattern.causal = true;
  window.pattern.window = 5;
  tree.pattern.sequences[0].tree_parents = RandomTree(70, 1);
  capped.softcap = 3;
  sinking.sinks = true;
  ForEachIsa([&](Isa isa) {
    for (const AttentionCase& c : {full, causal, window, tree, capped, sinking}) {
      const AttentionOperands x = c.Operands(5);
      const bool multiplies = HasVnni(isa) && c.pattern.window == 0 && !c.pattern.causal && !c.sinks &&
                              c.softcap == 0 && c.pattern.sequences[0].tree_parents.empty();
      EXPECT_EQ(MultipliesInInt8(x, c.Spec()), multiplies);
      EXPECT_EQ(SameBits(Int8Attention(x, c.Spec()), Attention(x, c.Spec()).o), !multiplies);
    }
    EXPECT_FALSE(MultipliesInInt8(full.Operands(5, DType::kF64), full.Spec()));
    AttentionSpec backwards = full.Spec();
    backwards.scale = -1;
    EXPECT_FALSE(MultipliesInInt8(full.Operands(5), backwards));
  });
}

TEST(Int8Attention, ARowIsTheSameBitsAloneInCompanyAndInChunks) {
  ForEachVnni([] {
    const AttentionCase alone{"alone", Full({300}), 2, 2, 80, 80},
        together{"together", Full({41, 300, 64}), 2, 2, 80, 80};
    const AttentionOperands x = together.Operands(7, DType::kBF16);
    const auto rows = [](const Tensor& t, int64_t begin, int64_t end) { return t.Slice(0, begin, end).Contiguous(); };
    const Tensor k = rows(x.k, 41, 341), v = rows(x.v, 41, 341);
    const Tensor o = Int8Attention({rows(x.q, 41, 341), k, v, {}}, alone.Spec());
    EXPECT_TRUE(SameBits(rows(Int8Attention(x, together.Spec()), 41, 341), o));
    for (const int64_t chunk : {1, 7, 150}) {
      const AttentionSpec spec{{.sequences = {{chunk, 300, {}, {}}}, .causal = false}, alone.Spec().scale, 0};
      for (int64_t begin = 0; begin + chunk <= 300; begin += chunk) {
        const Tensor part = Int8Attention({rows(x.q, 41 + begin, 41 + begin + chunk), k, v, {}}, spec);
        ASSERT_TRUE(SameBits(part, rows(o, begin, begin + chunk))) << chunk << " " << begin;
      }
    }
  });
}

TEST(Int8Attention, HasTheSameBitsWithAnyNumberOfThreads) {
  const int before = ThreadCount();
  ForEachVnni([&] {
    const AttentionCase c{"threads", Full({270, 64}), 3, 3, 72, 72};
    const AttentionOperands x = c.Operands(9);
    SetThreadCount(1);
    const Tensor o = Int8Attention(x, c.Spec());
    for (const int threads : {2, 5}) {
      SetThreadCount(threads);
      EXPECT_TRUE(SameBits(Int8Attention(x, c.Spec()), o)) << threads;
    }
    SetThreadCount(before);
  });
}

void AddToAll(Tensor& x, float constant) {
  for (float& value : x.mutable_data<float>()) value += constant;
}

TEST(Int8Attention, WhatAllKeysOrAllValuesHaveInCommonCostsNoPrecision) {
  ForEachVnni([] {
    const AttentionCase c{"common", Full({300}), 1, 1, 64, 64};
    AttentionOperands x = c.Operands(11);
    const Tensor exact = reference::Attention(Wide(x), c.Spec()).o;
    AddToAll(x.k, 1000);
    EXPECT_LT(Distance(Int8Attention(x, c.Spec()), exact), 0.02);
    AddToAll(x.v, 1000);
    Tensor o = Int8Attention(x, c.Spec());
    AddToAll(o, -1000);
    EXPECT_LT(Distance(o, exact), 0.02);
  });
}

TEST(Int8Attention, EqualScoresGiveTheMeanAndEqualValuesThemselves) {
  ForEachVnni([] {
    for (const int64_t n : {1, 63, 64, 200, 257, 600}) {
      const AttentionCase c{"equal", Full({n}), 2, 2, 80, 80};
      AttentionOperands x = c.Operands(13);
      AttentionOperands zero{Tensor::Zeros(x.q.shape()), x.k, x.v, {}};
      const Tensor mean = reference::Attention(zero, c.Spec()).o;
      EXPECT_LT(MostDifference(Int8Attention(zero, c.Spec()), mean), 0.03 / std::sqrt(static_cast<double>(n))) << n;
      zero = {x.q, x.k, Tensor::Full(x.v.shape(), 3.25), {}};
      EXPECT_LT(MostDifference(Int8Attention(zero, c.Spec()), zero.v), 1e-5) << n;
    }
  });
}

TEST(Int8Attention, ExtremeScoresPickTheLargest) {
  ForEachVnni([] {
    const AttentionCase c{"extreme", Full({300}), 1, 1, 64, 64};
    for (const float size : {1e3f, 1e6f, 1e15f, 1e-6f, 1e-20f, 1e-38f}) {
      AttentionOperands x = c.Operands(15);
      for (float& value : x.q.mutable_data<float>()) value *= size;
      const Tensor got = Int8Attention(x, c.Spec()), formula = reference::Int8Attention(Wide(x), c.Spec());
      EXPECT_LT(Distance(got, formula), 0.02) << size;
      EXPECT_TRUE(std::isfinite(Largest(got))) << size;
    }
  });
}

TEST(Int8Attention, LargeValuesStayFinite) {
  ForEachVnni([] {
    const AttentionCase c{"large", Full({300}), 1, 1, 16, 16};
    AttentionOperands x = c.Operands(16);
    const Tensor plain = Int8Attention(x, c.Spec());
    for (float& value : x.v.mutable_data<float>()) value *= 0x1p100f;
    Tensor o = Int8Attention(x, c.Spec());
    for (float& value : o.mutable_data<float>()) value *= 0x1p-100f;
    EXPECT_LT(Distance(o, plain), 1e-5);
  });
}

TEST(Int8Attention, NoKeysGiveZero) {
  ForEachVnni([] {
    const AttentionCase c{"none", {.sequences = {{3, 0, {}, {}}, {2, 5, {}, {}}}, .causal = false}, 2, 2, 8, 8};
    const Tensor o = Int8Attention(c.Operands(17), c.Spec());
    for (size_t i = 0; i < 3 * 2 * 8; ++i) EXPECT_EQ(o.data<float>()[i], 0);
    EXPECT_GT(Largest(o), 0);
  });
}

// Whether exactly the numbers that `poisoned` names are NaN, of o [T, H, Dv].
template <typename Poisoned>
void ExpectNanWhere(const Tensor& o, const Poisoned& poisoned) {
  const float* at = o.data<float>().data();
  for (int64_t t = 0; t < o.dim(0); ++t)
    for (int64_t h = 0; h < o.dim(1); ++h)
      for (int64_t d = 0; d < o.dim(2); ++d, ++at)
        ASSERT_EQ(std::isnan(*at), poisoned(t, h, d)) << "row " << t << " head " << h << " value " << d;
}

TEST(Int8Attention, NanAndInfinitySpreadAsFarAsTheyAreSeen) {
  ForEachVnni([] {
    const AttentionCase c{"nan", Full({70, 20}), 2, 2, 24, 24};
    const AttentionOperands x = c.Operands(19);
    const size_t place = (33 * 2 + 1) * 24 + 5;  // row 33, head 1, value 5
    for (const float poison : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                               -std::numeric_limits<float>::infinity()}) {
      const auto poisoned = [&](const Tensor& clean) {
        Tensor copy = clean.Clone();
        copy.mutable_data<float>()[place] = poison;
        return copy;
      };
      ExpectNanWhere(Int8Attention({poisoned(x.q), x.k, x.v, {}}, c.Spec()),
                     [](int64_t t, int64_t h, int64_t) { return t == 33 && h == 1; });
      ExpectNanWhere(Int8Attention({x.q, poisoned(x.k), x.v, {}}, c.Spec()),
                     [](int64_t t, int64_t h, int64_t) { return t < 70 && h == 1; });
      ExpectNanWhere(Int8Attention({x.q, x.k, poisoned(x.v), {}}, c.Spec()),
                     [](int64_t t, int64_t h, int64_t d) { return t < 70 && h == 1 && d == 5; });
    }
  });
}

}  // namespace
}  // namespace tessera::kernels
