// The text of the GPU's operators, run on the host by a block of one thread, beside the processor's kernels.
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/attention_cases.h"
#include "kernels/attention_plain.h"
#include "kernels/cuda_attention_cases.h"
#include "tessera/kernels/cuda/operators.cuh"
#include "tessera/kernels/cuda/operators.h"
#include "tessera/kernels/cuda/plain_attention.cuh"
#include "tessera/kernels/elementwise.h"
#include "tessera/kernels/norm.h"

namespace tessera::kernels::cuda {
namespace {

template <typename T>
T* Data(Tensor& x) {
  return x.mutable_data<T>().data();
}
template <typename T>
const T* Data(const Tensor& x) {
  return x.data<T>().data();
}

template <typename T>
void ExpectNorms(int width) {
  const DType dtype = DTypeOf<T>;
  const Tensor x = Normal({3, width}, 1, dtype), d = Normal({3, width}, 2, dtype), w = Normal({width}, 3, dtype),
               b = Normal({width}, 4, dtype);
  Tensor y = Tensor::Empty({3, width}, dtype), h = y.Clone(), z = y.Clone(), centred = y.Clone();
  BlockScratch scratch;
  HeldRow<T> weight;
  if (HeldRow<T>::Fits(width)) weight.Load(Data<T>(w), width);
  for (int64_t row = 0; row < 3 * width; row += width) {
    RmsNormRow<T>(Data<T>(x) + row, nullptr, Data<T>(w), weight, nullptr, Data<T>(y) + row, width, 1e-5f, scratch);
    RmsNormRow<T>(Data<T>(x) + row, Data<T>(d) + row, Data<T>(w), weight, Data<T>(h) + row, Data<T>(z) + row, width,
                  1e-5f, scratch);
    LayerNormRow(Data<T>(x) + row, Data<T>(w), Data<T>(b), Data<T>(centred) + row, width, 1e-5f, scratch);
  }
  const auto expect = [&](const Tensor& got, const Tensor& want) {
    EXPECT_LE(MostDifference(got, want), 2 * Epsilon(dtype) * Largest(want) + 1e-6) << width;
  };
  expect(y, kernels::RmsNorm(x, w, 1e-5f).y);
  expect(h, kernels::Add(x, d));
  expect(z, kernels::RmsNorm(kernels::Add(x, d), w, 1e-5f).y);
  expect(centred, kernels::LayerNorm(x, w, b, 1e-5f).y);
}

TEST(CudaOperatorsText, NormsAreThoseOfTheProcessor) {
  for (const int width : {1, 7, 8, 70}) {  // some that a block holds, and one that it reads twice
    ExpectNorms<float>(width);
    ExpectNorms<BFloat16>(width);
  }
}

TEST(CudaOperatorsText, TheLikeliestTokenIsTheFirstOfTheGreatest) {
  const auto likeliest = [](std::vector<float> logits) {
    uint64_t key = 0;
    for (const int part : {1, 0, 2}) LikeliestOfRow(logits.data(), static_cast<int>(logits.size()), part, 3, &key);
    return LikeliestToken(static_cast<int64_t>(key));
  };
  constexpr float kInf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(likeliest({-3, -1, -2, -1}), 1);
  EXPECT_EQ(likeliest({0.5f, 2, -7, 2, 1.999f}), 1);
  EXPECT_EQ(likeliest({-0.0f, 0.0f}), 0);
  EXPECT_EQ(likeliest({-kInf, -kInf, -1e30f}), 2);
  EXPECT_EQ(likeliest({1, kInf, 3}), 1);
  EXPECT_THROW(likeliest({1, NAN, 3}), Error);
  EXPECT_THROW(likeliest({-kInf, -kInf}), Error);
}

TEST(CudaOperatorsText, HeadsTurnAsOnTheProcessor) {
  const Tensor x = Normal({4, 3, 40}, 1), cos = Normal({4, 12}, 2), sin = Normal({4, 12}, 3);
  for (const RotaryLayout layout : {RotaryLayout::kHalves, RotaryLayout::kPairs})
    for (const bool backwards : {false, true}) {
      Tensor y = Tensor::Full(x.shape(), NAN);
      const RotaryAngles angles{Data<float>(cos), Data<float>(sin), 12, layout == RotaryLayout::kHalves, backwards};
      for (int64_t row = 0; row < 4; ++row) RotaryRow(Data<float>(x), Data<float>(y), row, 3, 40, angles);
      EXPECT_LE(MostDifference(y, kernels::Rotary(x, cos, sin, {layout, backwards})), 1e-6);
    }
}

TEST(CudaOperatorsText, AnglesTurnByTheAxisOfEachPair) {
  const std::vector<int64_t> positions{0, 3, 10, 20, 100, 200};  // [3, 2]
  RotaryFrequencies f{.of_pair = {1, 0.5f, 0.25f}, .axis = {0, 2, 1}, .pairs = 3, .factor = 2};
  std::vector<float> cos(6, NAN), sin(6, NAN);
  for (int64_t row = 0; row < 2; ++row) AnglesRow(positions.data(), 2, row, f, cos.data(), sin.data());
  EXPECT_FLOAT_EQ(cos[3], 2 * std::cos(3.0f));    // row 1, axis 0
  EXPECT_FLOAT_EQ(cos[4], 2 * std::cos(100.0f));  // 200 · 0.5
  EXPECT_FLOAT_EQ(sin[5], 2 * std::sin(5.0f));    // 20 · 0.25
  EXPECT_FLOAT_EQ(sin[1], 2 * std::sin(50.0f));   // 100 · 0.5
}

TEST(CudaOperatorsText, KeysTurnOnTheirWayIntoPagesAndMove) {
  const int64_t H = 4, G = 2, D = 6;
  const Tensor q = Normal({2, H, D}, 5), k = Normal({2, G, D}, 1), v = Normal({2, G, 4}, 2), cos = Normal({2, 3}, 3),
               sin = Normal({2, 3}, 4);
  const Tensor turned = kernels::Rotary(k, cos, sin, {});
  Tensor turned_q = Tensor::Full(q.shape(), NAN);
  std::vector<float> keys(2 * G * 64 * D, NAN), values(2 * G * 64 * 4, NAN);
  const std::vector<int64_t> slots{70, 3}, from{70, 3}, to{5, 70};
  const HeadsIntoPages<float, float> work{Data<float>(q),
                                          Data<float>(k),
                                          Data<float>(v),
                                          Data<float>(turned_q),
                                          slots.data(),
                                          4,
                                          {Data<float>(cos), Data<float>(sin), 3, true, false},
                                          {keys.data(), values.data(), 2, 6, 4}};
  ASSERT_EQ(work.HeadsOfRow(), 8);
  for (int64_t row = 0; row < 2; ++row)
    for (int head = 0; head < work.HeadsOfRow(); ++head) work.Head(row, head);
  for (int head = 0; head < 2; ++head) MoveSlots(from.data(), to.data(), 2, head, work.pages);
  EXPECT_LE(MostDifference(turned_q, kernels::Rotary(q, cos, sin, {})), 1e-6);
  const auto expect_row = [&](int64_t slot, int64_t row) {
    for (int64_t head = 0; head < G; ++head)
      for (int64_t d = 0; d < D; ++d) {
        const int64_t at = (slot / 64 * G + head) * 64 + slot % 64, i = (row * G + head) * D + d;
        EXPECT_NEAR(keys[static_cast<size_t>(at * D + d)], turned.data<float>()[static_cast<size_t>(i)], 1e-6);
        if (d >= 4) continue;
        EXPECT_EQ(values[static_cast<size_t>(at * 4 + d)],
                  v.data<float>()[static_cast<size_t>((row * G + head) * 4 + d)]);
      }
  };
  expect_row(3, 1);
  expect_row(5, 0);
  expect_row(70, 1);
  EXPECT_TRUE(std::isnan(keys[6])) << "slot 1 was nobody's";
}

// Attention of any pattern, keys end to end and in pages.
template <typename T>
void ExpectAttention(const AttentionCase& c) {
  const AttentionOperands x = c.Operands(5, DTypeOf<T>);
  const AttentionSpec spec = c.Spec();
  const Tensor exact = reference::Attention(Wide(x), spec).o, sinks = x.sinks ? x.sinks.To(DType::kF32) : Tensor();
  const PagedCase paged(c);
  Tensor k = Tensor::Full({paged.page_count, c.kv_heads, 64, c.dim}, NAN, DTypeOf<T>);
  Tensor v = Tensor::Full({paged.page_count, c.kv_heads, 64, c.value_dim}, NAN, DTypeOf<T>);
  const int heads = static_cast<int>(c.kv_heads), dim = static_cast<int>(c.dim),
            value_dim = static_cast<int>(c.value_dim);
  const HeadsIntoPages<T, T> store{nullptr,
                                   Data<T>(x.k),
                                   Data<T>(x.v),
                                   nullptr,
                                   paged.slots.data(),
                                   0,
                                   {},
                                   {Data<T>(k), Data<T>(v), heads, dim, value_dim}};
  for (int64_t row = 0; row < std::ssize(paged.slots); ++row)
    for (int head = 0; head < 2 * heads; ++head) store.Head(row, head);
  std::vector<int32_t> pages;
  for (const AttentionSequence& s : paged.one.pattern.sequences)
    pages.insert(pages.end(), s.pages.begin(), s.pages.end());
  for (const bool in_pages : {false, true}) {
    const SightWork work = ListSights(in_pages ? paged.one.pattern : c.pattern, in_pages);
    const AttendedKeys<T> keys{
        in_pages ? Data<T>(k) : Data<T>(x.k), in_pages ? Data<T>(v) : Data<T>(x.v), heads, dim, value_dim,
        in_pages ? pages.data() : nullptr};
    Tensor o = Tensor::Full(exact.shape(), NAN, DTypeOf<T>);
    const PlainAttentionArguments<T, T> arguments{Data<T>(x.q),
                                                  keys,
                                                  work.rows.data(),
                                                  work.paths.data(),
                                                  sinks ? Data<float>(sinks) : nullptr,
                                                  static_cast<int>(c.heads),
                                                  value_dim,
                                                  spec.scale,
                                                  spec.softcap,
                                                  Data<T>(o)};
    const auto shared = std::make_unique<PlainAttentionShared>();
    for (int64_t row = 0; row < o.dim(0); ++row)
      for (int head = 0; head < static_cast<int>(c.heads); ++head) PlainAttentionRow(arguments, *shared, row, head);
    EXPECT_LE(MostDifference(o, exact), 2 * Epsilon(DTypeOf<T>) * Largest(exact) + 2e-6)
        << c.name << (in_pages ? " in pages" : " end to end");
  }
}

TEST(CudaOperatorsText, AttentionOfEveryKindIsThatOfTheTextbook) {
  for (const AttentionCase& c : AttentionCases()) {
    ExpectAttention<float>(c);
    ExpectAttention<BFloat16>(c);
  }
}

}  // namespace
}  // namespace tessera::kernels::cuda
