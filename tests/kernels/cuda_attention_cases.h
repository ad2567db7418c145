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
      .sequences = {{5, 5, {}, {}}, {0, 2, {}, {}}, {2, 170, {}, {}}, {1, 0, {}, {}}, {30, 10, {}, {}}, {131, 259, {}, {}}}};
  AttentionPattern open = ragged, open_tile = OneSequence(128, 352);
  open.causal = open_tile.causal = false;
  return {{"one", OneSequence(1, 1), 1, 1, dim, value_dim},       {"ragged", ragged, 4, 2, dim, value_dim},
          {"open", open, 2, 2, dim, value_dim},                   {"prompt", OneSequence(257, 257), 2, 1, dim, value_dim},
          {"whole tiles", OneSequence(384, 384), 1, 1, dim, value_dim}, {"chunk", OneSequence(40, 300), 6, 2, dim, value_dim},
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
