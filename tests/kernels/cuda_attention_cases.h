#pragma once
// What attention on the GPU must do, for a `Runner` that runs the kernels' text on the host or on a GPU. It has
//   template <typename T, int kDqk, int kDv, bool kCausal> static AttentionResult Forward(operands, spec);
//   template <…> static AttentionOperands Vjp(operands, spec, result, d_o);

#include <gtest/gtest.h>

#include <cstring>

#include "kernels/attention_cases.h"
#include "kernels/attention_plain.h"

namespace tessera::kernels::cuda {

// Lengths around the tiles' edges, ragged batches, fewer keys than queries, grouped heads.
inline std::vector<AttentionCase> CudaCases(int64_t dim, int64_t value_dim) {
  const AttentionPattern ragged{
      .sequences = {
          {5, 5, {}, {}}, {0, 2, {}, {}}, {2, 170, {}, {}}, {1, 0, {}, {}}, {30, 10, {}, {}}, {131, 259, {}, {}}}};
  AttentionPattern open = ragged, open_tile = OneSequence(128, 352);
  open.causal = open_tile.causal = false;
  return {{"one", OneSequence(1, 1), 1, 1, dim, value_dim},
          {"ragged", ragged, 4, 2, dim, value_dim},
          {"open", open, 2, 2, dim, value_dim},
          {"prompt", OneSequence(257, 257), 2, 1, dim, value_dim},
          {"whole tiles", OneSequence(384, 384), 1, 1, dim, value_dim},
          {"chunk", OneSequence(40, 300), 6, 2, dim, value_dim},
          {"open tiles", open_tile, 1, 1, dim, value_dim}};
}

template <typename T, int kDqk, int kDv, typename Body>
void WithCausality(const AttentionCase& c, Body body) {
  if (c.pattern.causal)
    body.template operator()<T, kDqk, kDv, true>(c);
  else
    body.template operator()<T, kDqk, kDv, false>(c);
}

template <typename Runner, typename T, int kDqk, int kDv>
void ExpectForward() {
  for (const AttentionCase& c : CudaCases(kDqk, kDv))
    WithCausality<T, kDqk, kDv>(c, []<typename V, int kQ, int kV, bool kCausal>(const AttentionCase& one) {
      const AttentionOperands x = one.Operands(7, DTypeOf<V>);
      const AttentionResult exact = reference::Attention(Wide(x), one.Spec());
      const AttentionResult got = Runner::template Forward<V, kQ, kV, kCausal>(x, one.Spec());
      const double plain = MostDifference(PlainFormula<V>(x, one.Spec()), exact.o);
      EXPECT_LE(MostDifference(got.o, exact.o), 2 * plain + Epsilon(DTypeOf<V>) * Largest(exact.o)) << one.name;
      for (size_t i = 0; i < exact.lse.data<double>().size(); ++i) {
        const double l = exact.lse.data<double>()[i], g = static_cast<double>(got.lse.data<float>()[i]);
        EXPECT_TRUE(g == l || std::abs(g - l) < 1e-5) << one.name << " row " << i << ": " << g << " " << l;
      }
    });
}

template <typename Runner, typename T, int kDqk, int kDv>
void ExpectVjp() {
  for (const AttentionCase& c : CudaCases(kDqk, kDv))
    WithCausality<T, kDqk, kDv>(c, []<typename V, int kQ, int kV, bool kCausal>(const AttentionCase& one) {
      const AttentionOperands x = one.Operands(7, DTypeOf<V>);
      const Tensor d_o = Normal({x.q.dim(0), x.q.dim(1), kV}, 99, DTypeOf<V>);
      const AttentionResult exact = reference::Attention(Wide(x), one.Spec());
      const AttentionOperands wanted = reference::AttentionVjp(Wide(x), one.Spec(), exact, d_o.To(DType::kF64));
      const AttentionOperands plain = PlainVjp<V>(x, one.Spec(), d_o);
      const AttentionResult result{exact.o.To(DTypeOf<V>), exact.lse.To(DType::kF32)};
      const AttentionOperands got = Runner::template Vjp<V, kQ, kV, kCausal>(x, one.Spec(), result, d_o);
      const auto expect = [&](const char* name, const Tensor& g, const Tensor& w, const Tensor& p) {
        // One key alone has dP = δ, so its gradient is what is left of f32 sums in two orders.
        EXPECT_LE(MostDifference(g, w), 3 * MostDifference(p, w) + Epsilon(DTypeOf<V>) * Largest(w) + 0x1p-20)
            << one.name << " " << name;
      };
      expect("dq", got.q, wanted.q, plain.q);
      expect("dk", got.k, wanted.k, plain.k);
      expect("dv", got.v, wanted.v, plain.v);
    });
}

// A case whose keys lie in pages in a disorder of their own; `slots` says where each row of k goes.
struct PagedCase {
  AttentionCase one;
  std::vector<int64_t> slots;
  int64_t page_count = 0;

  explicit PagedCase(AttentionCase c) : one(std::move(c)) {
    int64_t needed = 0;
    for (const AttentionSequence& s : one.pattern.sequences) needed += (s.key_count + 63) / 64;
    page_count = needed + 3;                // some belong to nobody
    if (page_count % 7 == 0) ++page_count;  // so that steps of 7 meet every page once
    int64_t next = 1;
    for (AttentionSequence& s : one.pattern.sequences) {
      for (int64_t key = 0; key < s.key_count; ++key) {
        if (key % 64 == 0) s.pages.push_back(static_cast<int32_t>((next++ * 7) % page_count));
        slots.push_back(int64_t{s.pages.back()} * 64 + key % 64);
      }
    }
  }
};

// Steps of one token, chunks, prompts; keys around the ends of pages and splits.
template <typename Runner, typename T, int kDqk, int kDv>
void ExpectPaged() {
  const AttentionPattern batch{.sequences = {{1, 1, {}, {}},
                                             {1, 64, {}, {}},
                                             {1, 513, {}, {}},
                                             {3, 1100, {}, {}},
                                             {1, 1024, {}, {}},
                                             {2, 0, {}, {}},
                                             {40, 40, {}, {}}}};
  for (const AttentionCase& c :
       {AttentionCase{"steps", batch, 8, 2, kDqk, kDv}, AttentionCase{"wide group", batch, 16, 1, kDqk, kDv},
        AttentionCase{"long", OneSequence(2, 2500), 3, 3, kDqk, kDv}}) {
    const PagedCase paged(c);
    const AttentionOperands x = c.Operands(7, DTypeOf<T>);
    const AttentionResult exact = reference::Attention(Wide(x), c.Spec());
    const AttentionResult got = Runner::template Forward<T, kDqk, kDv>(paged, x);
    const double plain = MostDifference(PlainFormula<T>(x, c.Spec()), exact.o);
    EXPECT_LE(MostDifference(got.o, exact.o), 2 * plain + Epsilon(DTypeOf<T>) * Largest(exact.o)) << c.name;
    for (size_t i = 0; i < exact.lse.template data<double>().size(); ++i) {
      const double l = exact.lse.template data<double>()[i], g = static_cast<double>(got.lse.template data<float>()[i]);
      EXPECT_TRUE(g == l || std::abs(g - l) < 1e-5) << c.name << " row " << i << ": " << g << " " << l;
    }
  }
}

// What a row sees spreads to it; rows of nothing but scores of -inf are 0 / 0.
template <typename Runner>
void ExpectSeenNanSpreads() {
  const AttentionCase c{"nan", OneSequence(200, 200), 1, 1, 64, 64};
  AttentionOperands x = c.Operands(3);
  for (int64_t d = 0; d < 64; ++d) x.k.mutable_data<float>()[static_cast<size_t>(130 * 64 + d)] = NAN;
  for (Tensor* t : {&x.q, &x.k, &x.v}) *t = t->To(DType::kBF16);
  const Tensor o = Runner::template Forward<BFloat16, 64, 64, true>(x, c.Spec()).o.To(DType::kF32);
  for (size_t i = 0; i < 200 * 64; ++i) EXPECT_EQ(std::isnan(o.data<float>()[i]), i >= 130 * 64) << i;

  AttentionOperands y = c.Operands(3);
  for (float& value : y.q.mutable_data<float>()) value = 1;
  for (float& value : y.k.mutable_data<float>()) value = -std::numeric_limits<float>::infinity();
  for (Tensor* t : {&y.q, &y.k, &y.v}) *t = t->To(DType::kBF16);
  const Tensor none = Runner::template Forward<BFloat16, 64, 64, true>(y, c.Spec()).o.To(DType::kF32);
  for (const float value : none.data<float>()) EXPECT_TRUE(std::isnan(value));
}

// Rows of other sequences that share a tile with a sequence may hold anything: not a bit changes.
template <typename Runner>
void ExpectDeafToCompany() {
  const auto run = [](float other) {
    const AttentionCase c{"company", {.sequences = {{70, 70, {}, {}}, {50, 50, {}, {}}}}, 2, 1, 64, 64};
    AttentionOperands x = c.Operands(3);
    Tensor d_o = Normal({120, 2, 64}, 4);
    for (Tensor* t : {&x.q, &x.k, &x.v, &d_o}) {
      for (size_t i = static_cast<size_t>(70 * t->dim(1) * 64); i < t->data<float>().size(); ++i)
        t->mutable_data<float>()[i] += other;
      *t = t->To(DType::kBF16);
    }
    const AttentionResult result = Runner::template Forward<BFloat16, 64, 64, true>(x, c.Spec());
    return std::pair(result, Runner::template Vjp<BFloat16, 64, 64, true>(x, c.Spec(), result, d_o));
  };
  const auto [calm, calm_gradients] = run(0);
  const auto [wild, wild_gradients] = run(std::numeric_limits<float>::quiet_NaN());
  const auto same = [](const Tensor& a, const Tensor& b) {
    EXPECT_EQ(std::memcmp(a.raw(), b.raw(), static_cast<size_t>(70 * a.dim(1) * 64 * 2)), 0);
  };
  same(calm.o, wild.o);
  same(calm_gradients.q, wild_gradients.q);
  same(calm_gradients.k, wild_gradients.k);
  same(calm_gradients.v, wild_gradients.v);
}

}  // namespace tessera::kernels::cuda
