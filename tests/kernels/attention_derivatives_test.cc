// The tiled VJP and JVP against the textbook in double. tests/ops checks the textbook against differences.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "kernels/attention_cases.h"
#include "kernels/for_each_isa.h"
#include "tessera/core/thread_pool.h"
#include "tessera/kernels/attention_mask.h"

namespace tessera::kernels {
namespace {

const std::vector<Tensor AttentionOperands::*> kOperands{&AttentionOperands::q, &AttentionOperands::k,
                                                         &AttentionOperands::v, &AttentionOperands::sinks};

double MostDifference(const Tensor& a, const Tensor& b) {
  const Tensor x = a.To(DType::kF64), y = b.To(DType::kF64);
  double most = 0;
  for (size_t i = 0; i < x.data<double>().size(); ++i) {
    const double difference = std::abs(x.data<double>()[i] - y.data<double>()[i]);
    most = difference > most || std::isnan(difference) ? difference : most;
  }
  return most;
}

double Largest(const Tensor& x) { return MostDifference(x, Tensor::Zeros(x.shape(), x.dtype())); }

AttentionOperands Wide(const AttentionOperands& x) {
  AttentionOperands wide;
  for (auto part : kOperands) wide.*part = x.*part ? (x.*part).To(DType::kF64) : Tensor();
  return wide;
}

// The plain formula's gradients with S, P, dP and dS rounded to T and sums in f32, for one head and one causal
// sequence.
template <typename T>
AttentionOperands PlainGradients(const AttentionOperands& x, const AttentionSpec& spec, const Tensor& d_o) {
  const auto rounded = [](float value) { return static_cast<float>(T(value)); };
  const auto f32 = [](const Tensor& t) { return t.To(DType::kF32); };
  const Tensor tensors[4] = {f32(x.q), f32(x.k), f32(x.v), f32(d_o)};
  const float *q = tensors[0].data<float>().data(), *k = tensors[1].data<float>().data();
  const float *v = tensors[2].data<float>().data(), *g = tensors[3].data<float>().data();
  const int64_t rows = x.q.dim(0), keys = x.k.dim(0), dim = x.q.dim(2), value_dim = x.v.dim(2);
  AttentionOperands sums{Tensor::Zeros(x.q.shape()), Tensor::Zeros(x.k.shape()), Tensor::Zeros(x.v.shape()), {}};
  float *dq = sums.q.mutable_data<float>().data(), *dk = sums.k.mutable_data<float>().data();
  float* dv = sums.v.mutable_data<float>().data();
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t seen = keys - rows + i + 1;
    std::vector<float> p, dp;
    float most = -1e30f, sum = 0, delta = 0;
    for (int64_t j = 0; j < seen; ++j) {
      float s = 0, t = 0;
      for (int64_t d = 0; d < dim; ++d) s += q[i * dim + d] * k[j * dim + d];
      for (int64_t d = 0; d < value_dim; ++d) t += g[i * value_dim + d] * v[j * value_dim + d];
      p.push_back(rounded(rounded(s) * spec.scale)), dp.push_back(rounded(t));
      most = std::max(most, p.back());
    }
    for (float& s : p) sum += s = std::exp(s - most);
    for (size_t j = 0; j < p.size(); ++j) p[j] = rounded(p[j] / sum), delta += p[j] * dp[j];
    for (int64_t j = 0; j < seen; ++j) {
      const float weight = p[static_cast<size_t>(j)];
      const float ds = rounded(rounded(weight * (dp[static_cast<size_t>(j)] - delta)) * spec.scale);
      for (int64_t d = 0; d < value_dim; ++d) dv[j * value_dim + d] += weight * g[i * value_dim + d];
      for (int64_t d = 0; d < dim; ++d) dq[i * dim + d] += ds * k[j * dim + d], dk[j * dim + d] += ds * q[i * dim + d];
    }
  }
  for (auto part : kOperands) sums.*part = sums.*part ? (sums.*part).To(DTypeOf<T>) : Tensor();
  return sums;
}

double Epsilon(DType dtype) { return dtype == DType::kF32 ? 0x1p-23 : dtype == DType::kF16 ? 0x1p-10 : 0x1p-7; }

template <typename T>
void CheckAgainstPlainFormula() {
  const AttentionCase c{"prompt", OneSequence(150, 170), 1, 1, 40, 56};
  const AttentionOperands x = c.Operands(1, DTypeOf<T>);
  const Tensor d_o = Normal({150, 1, 56}, 9, DTypeOf<T>);
  const AttentionOperands wide = Wide(x);
  const AttentionOperands exact =
      reference::AttentionVjp(wide, c.Spec(), reference::Attention(wide, c.Spec()), d_o.To(DType::kF64));
  const AttentionOperands plain = PlainGradients<T>(x, c.Spec(), d_o);
  ForEachIsa([&](Isa) {
    const AttentionOperands got = AttentionVjp(x, c.Spec(), Attention(x, c.Spec()), d_o);
    for (auto part : kOperands) {
      if (!(exact.*part)) continue;
      EXPECT_LE(MostDifference(got.*part, exact.*part),
                3 * MostDifference(plain.*part, exact.*part) + Epsilon(DTypeOf<T>) * Largest(exact.*part));
    }
  });
}

TEST(FlashAttentionGradient, ErrsAtMostThriceAsMuchAsThePlainFormula) {
  CheckAgainstPlainFormula<float>();
  CheckAgainstPlainFormula<BFloat16>();
  CheckAgainstPlainFormula<Float16>();
}

TEST(FlashAttentionGradient, MatchesTheTextbookOnEveryPattern) {
  for (const AttentionCase& c : AttentionCases()) {
    const AttentionOperands x = c.Operands(3), wide = Wide(x);
    const AttentionResult textbook = reference::Attention(wide, c.Spec());
    const Tensor d_o = Normal(textbook.o.shape(), 5);
    const AttentionOperands exact = reference::AttentionVjp(wide, c.Spec(), textbook, d_o.To(DType::kF64));
    ForEachIsa([&](Isa) {
      const AttentionOperands got = AttentionVjp(x, c.Spec(), Attention(x, c.Spec()), d_o);
      for (auto part : kOperands) {
        if (!(exact.*part)) continue;
        const double tolerance = 1e-5 * std::max(1.0, Largest(exact.*part));
        EXPECT_LT(MostDifference(got.*part, exact.*part), tolerance) << c.name;
      }
    });
  }
}

TEST(FlashAttentionTangent, MatchesTheTextbookOnEveryPattern) {
  for (const AttentionCase& c : AttentionCases()) {
    const AttentionOperands x = c.Operands(3), wide = Wide(x);
    const AttentionResult textbook = reference::Attention(wide, c.Spec());
    for (size_t only = 0; only <= kOperands.size(); ++only) {  // one tangent at a time, then all
      AttentionOperands tangents = c.Operands(40);
      for (size_t i = 0; i < kOperands.size(); ++i) {
        if (only < kOperands.size() && i != only) tangents.*kOperands[i] = Tensor();
      }
      const Tensor exact = reference::AttentionJvp(wide, c.Spec(), textbook, Wide(tangents));
      ForEachIsa([&](Isa) {
        const Tensor got = AttentionJvp(x, c.Spec(), Attention(x, c.Spec()), tangents);
        EXPECT_LT(MostDifference(got, exact), 1e-5 * std::max(1.0, Largest(exact))) << c.name << only;
      });
    }
  }
}

bool SameBits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && std::memcmp(a.raw(), b.raw(), static_cast<size_t>(a.bytes())) == 0;
}

// One pass and two passes over the tiles are different orders of work, not of sums.
TEST(FlashAttentionGradient, IsTheSameBitsWithAnyNumberOfThreads) {
  const int before = ThreadCount();
  for (DType dtype : {DType::kF32, DType::kBF16}) {
    const AttentionCase c{"threads", OneSequence(150, 200), 4, 2, 24, 40, 0, true};
    const AttentionOperands x = c.Operands(4, dtype);
    const Tensor d_o = Normal({150, 4, 40}, 5, dtype);
    SetThreadCount(1);
    const AttentionResult result = Attention(x, c.Spec());
    const AttentionOperands one = AttentionVjp(x, c.Spec(), result, d_o);
    for (int threads : {2, 5}) {
      SetThreadCount(threads);
      const AttentionOperands many = AttentionVjp(x, c.Spec(), result, d_o);
      for (auto part : kOperands) EXPECT_TRUE(SameBits(one.*part, many.*part)) << Name(dtype) << threads;
    }
  }
  SetThreadCount(before);
}

TEST(FlashAttentionGradient, IsTheSameBitsInABatch) {
  const AttentionCase a{"a", OneSequence(70, 70), 2, 1, 16, 16}, b{"b", OneSequence(65, 130), 2, 1, 16, 16};
  const AttentionPattern both{.sequences = {{70, 70, {}, {}}, {65, 130, {}, {}}}};
  const AttentionOperands x = AttentionCase{"", both, 2, 1, 16, 16}.Operands(6);
  const Tensor d_o = Normal({135, 2, 16}, 5);
  const AttentionSpec spec{both, a.Spec().scale, 0};
  const AttentionOperands batch = AttentionVjp(x, spec, Attention(x, spec), d_o);
  const auto rows = [](const Tensor& t, int64_t begin, int64_t end) { return t.Slice(0, begin, end).Contiguous(); };
  const AttentionOperands first{rows(x.q, 0, 70), rows(x.k, 0, 70), rows(x.v, 0, 70), {}};
  const AttentionOperands second{rows(x.q, 70, 135), rows(x.k, 70, 200), rows(x.v, 70, 200), {}};
  const AttentionOperands alone = AttentionVjp(first, a.Spec(), Attention(first, a.Spec()), rows(d_o, 0, 70));
  const AttentionOperands next = AttentionVjp(second, b.Spec(), Attention(second, b.Spec()), rows(d_o, 70, 135));
  EXPECT_TRUE(SameBits(rows(batch.q, 0, 70), alone.q) && SameBits(rows(batch.q, 70, 135), next.q));
  EXPECT_TRUE(SameBits(rows(batch.k, 0, 70), alone.k) && SameBits(rows(batch.k, 70, 200), next.k));
  EXPECT_TRUE(SameBits(rows(batch.v, 0, 70), alone.v) && SameBits(rows(batch.v, 70, 200), next.v));
}

}  // namespace
}  // namespace tessera::kernels
