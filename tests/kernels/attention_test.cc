#include "tessera/kernels/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/attention_cases.h"
#include "kernels/attention_plain.h"
#include "kernels/for_each_isa.h"
#include "tessera/kernels/attention_mask.h"

namespace tessera::kernels {
namespace {

// The exact result for operands of one dtype, and what the plain formula's error allows.
struct Expected {
  AttentionOperands x;
  AttentionResult exact;
  double tolerance;
};

template <typename T>
Expected Expect(const AttentionCase& c) {
  Expected e{c.Operands(7, DTypeOf<T>), {}, 0};
  e.exact = reference::Attention(Wide(e.x), c.Spec());
  const double plain = MostDifference(PlainFormula<T>(e.x, c.Spec()), e.exact.o);
  e.tolerance = 2 * plain + Epsilon(DTypeOf<T>) * Largest(e.exact.o);
  return e;
}

TEST(FlashAttention, ErrsAtMostTwiceAsMuchAsThePlainFormula) {
  for (const AttentionCase& c : AttentionCases()) {
    for (const Expected& e : {Expect<float>(c), Expect<BFloat16>(c), Expect<Float16>(c)}) {
      ForEachIsa([&](Isa) {
        const AttentionResult got = Attention(e.x, c.Spec());
        EXPECT_LE(MostDifference(got.o, e.exact.o), e.tolerance) << c.name;
        for (size_t i = 0; i < e.exact.lse.data<double>().size(); ++i) {
          const double l = e.exact.lse.data<double>()[i], g = static_cast<double>(got.lse.data<float>()[i]);
          EXPECT_TRUE(g == l || std::abs(g - l) < 1e-5) << c.name << " " << g << " " << l;
        }
      });
    }
  }
}

TEST(FlashAttention, EveryLengthAroundATileMatchesTheTextbook) {
  for (int64_t keys = 1; keys <= 140; ++keys) {
    const AttentionCase c{"length",     OneSequence(std::min<int64_t>(keys, 1 + keys % 9), keys), 2, 1, 1 + keys % 37,
                          1 + keys % 19};
    const AttentionOperands x = c.Operands(static_cast<uint32_t>(keys));
    EXPECT_LT(MostDifference(Attention(x, c.Spec()).o, reference::Attention(x, c.Spec()).o), 3e-6) << keys;
  }
}

TEST(FlashAttention, ExtremeScoresNeitherOverflowNorLoseTheLargest) {
  ForEachIsa([](Isa) {
    const AttentionCase c{"extreme", OneSequence(40, 80), 2, 1, 16, 8};
    AttentionOperands x = c.Operands(3);
    for (float& value : x.q.mutable_data<float>()) value *= 1e4f;
    const AttentionResult got = Attention(x, c.Spec()), exact = reference::Attention(x, c.Spec());
    EXPECT_LT(MostDifference(got.o, exact.o), 0.05);  // a score of 4e4 has an error of 4e4 · 2⁻²⁴ · a few
    EXPECT_TRUE(std::isfinite(Largest(got.o)));
  });
}

// f32 cannot tell scores of 10¹⁰ from their neighbours, but whichever of the largest wins, a row is a mean of the
// values that it sees.
TEST(FlashAttention, ScoresBeyondWhatF32ResolvesStillGiveMeansOfValues) {
  ForEachIsa([](Isa) {
    const AttentionCase c{"beyond", OneSequence(130, 300), 2, 1, 16, 8};
    for (const DType dtype : {DType::kF32, DType::kBF16}) {
      for (const float size : {1e8f, 1e9f, 3e10f, 1e14f, 1e20f}) {
        AttentionOperands x = c.Operands(5);
        for (float& value : x.q.mutable_data<float>()) value *= size;
        for (Tensor* operand : {&x.q, &x.k, &x.v}) *operand = operand->To(dtype);
        const Tensor o = Attention(x, c.Spec()).o.To(DType::kF32);
        const double largest = Largest(x.v.To(DType::kF32));
        for (const float value : o.data<float>()) ASSERT_LE(std::abs(value), 1.01 * largest) << size;
      }
    }
  });
}

// What the mask hides contributes nothing, NaN and infinity included; what is seen spreads to the rows that see it.
void PoisonKeys(DType dtype) {
  const AttentionCase c{"nan", OneSequence(100, 100), 2, 1, 16, 24};
  const AttentionOperands x = c.Operands(11);
  const auto attend = [&](const AttentionOperands& y) {
    return Attention({y.q.To(dtype), y.k.To(dtype), y.v.To(dtype), {}}, c.Spec()).o.To(DType::kF32);
  };
  const Tensor clean = attend(x);
  for (const float poison : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (int64_t bad : {0, 17, 63, 64, 99}) {
      AttentionOperands y{x.q, x.k.Clone(), x.v.Clone(), {}};
      for (int64_t d = 0; d < 16; ++d) y.k.mutable_data<float>()[static_cast<size_t>(bad * 16 + d)] = poison;
      for (int64_t d = 0; d < 24; ++d) y.v.mutable_data<float>()[static_cast<size_t>(bad * 24 + d)] = poison;
      const Tensor o = attend(y);
      const size_t before = static_cast<size_t>(bad * 2 * 24);
      EXPECT_EQ(std::memcmp(o.raw(), clean.raw(), before * sizeof(float)), 0) << bad;
      for (size_t i = before; i < o.data<float>().size(); ++i) {
        ASSERT_FALSE(std::isnan(poison) && !std::isnan(o.data<float>()[i])) << bad << " " << i;
      }
    }
  }
}

TEST(FlashAttention, HiddenNanChangesNoBitAndSeenNanSpreads) {
  ForEachIsa([](Isa) {
    PoisonKeys(DType::kF32);
    PoisonKeys(DType::kBF16);
  });
}

// A row's reference for its exponentials follows its maximum only when that is far above: scores that climb slowly and
// in leaps, over several segments, must come out alike.
TEST(FlashAttention, ClimbingScoresMatchTheTextbook) {
  ForEachIsa([](Isa) {
    const AttentionCase c{"climb", OneSequence(3, 1200), 1, 1, 16, 8};
    for (const float step : {0.001f, 0.02f, 0.3f, -0.02f}) {
      AttentionOperands x = c.Operands(21);
      for (float& value : x.q.mutable_data<float>()) value = std::abs(value);
      for (int64_t t = 0; t < 1200; ++t) {
        for (int64_t d = 0; d < 16; ++d)
          x.k.mutable_data<float>()[static_cast<size_t>(t * 16 + d)] += step * static_cast<float>(t);
      }
      EXPECT_LT(MostDifference(Attention(x, c.Spec()).o, reference::Attention(x, c.Spec()).o), 3e-3) << step;
    }
  });
}

TEST(FlashAttention, InfiniteValueIsInfiniteWhereItHasWeight) {
  ForEachIsa([](Isa) {
    const AttentionCase c{"infinity", OneSequence(3, 3), 1, 1, 4, 4};
    AttentionOperands x = c.Operands(5);
    x.v.mutable_data<float>()[4] = std::numeric_limits<float>::infinity();  // key 1, value 0
    const Tensor o = Attention(x, c.Spec()).o;
    EXPECT_TRUE(std::isfinite(o.data<float>()[0]));
    EXPECT_EQ(o.data<float>()[4], std::numeric_limits<float>::infinity());
    EXPECT_EQ(o.data<float>()[8], std::numeric_limits<float>::infinity());
    EXPECT_TRUE(std::isfinite(o.data<float>()[5]));
  });
}

TEST(FlashAttention, ScoreOfMinusInfinityHasNoWeight) {
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor q = Tensor::From<float>({1, 1}, {2, 1, 1}), k = Tensor::From<float>({-inf, 0}, {2, 1, 1});
  const Tensor v = Tensor::From<float>({3, 5}, {2, 1, 1});
  const Tensor o = Attention({q, k, v, {}}, {OneSequence(2, 2), 1, 0}).o;
  EXPECT_TRUE(std::isnan(o.data<float>()[0]));  // softmax of nothing but -inf
  EXPECT_EQ(o.data<float>()[1], 5);
}

}  // namespace
}  // namespace tessera::kernels
