#pragma once
// Attention by the plain formula, every step rounded to T: what a framework without a fused kernel computes. The fast
// kernels' errors are measured in its errors.

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tessera/kernels/attention.h"
#include "tessera/kernels/attention_mask.h"

namespace tessera::kernels {

inline double MostDifference(const Tensor& a, const Tensor& b) {
  const Tensor x = a.To(DType::kF64), y = b.To(DType::kF64);
  double most = 0;
  for (size_t i = 0; i < x.data<double>().size(); ++i) {
    const double difference = std::abs(x.data<double>()[i] - y.data<double>()[i]);
    if (std::isnan(difference)) return std::numeric_limits<double>::infinity();
    most = std::max(most, difference);
  }
  return most;
}

inline double Largest(const Tensor& x) { return MostDifference(x, Tensor::Zeros(x.shape(), x.dtype())); }

inline AttentionOperands Wide(const AttentionOperands& x) {
  const auto wide = [](const Tensor& t) { return t ? t.To(DType::kF64) : t; };
  return {wide(x.q), wide(x.k), wide(x.v), wide(x.sinks)};
}

// Every step of the plain formula rounded to T, sums in f32: S, P and O as a framework without a fused kernel has them.
template <typename T>
Tensor PlainFormula(const AttentionOperands& x, const AttentionSpec& spec) {
  const auto rounded = [](float value) { return static_cast<float>(T(value)); };
  const Tensor q = x.q.To(DType::kF32), k = x.k.To(DType::kF32), v = x.v.To(DType::kF32);
  const Tensor sinks = x.sinks ? x.sinks.To(DType::kF32) : Tensor();
  const int64_t heads = q.dim(1), kv_heads = k.dim(1), dim = q.dim(2), value_dim = v.dim(2);
  Tensor o = Tensor::Zeros({q.dim(0), heads, value_dim});
  const float *q_data = q.data<float>().data(), *k_data = k.data<float>().data(), *v_data = v.data<float>().data();
  float* o_data = o.mutable_data<float>().data();
  int64_t first_query = 0, first_key = 0;
  for (const AttentionSequence& sequence : spec.pattern.sequences) {
    const AttentionMask mask(spec.pattern, sequence);
    for (int64_t i = 0; i < sequence.query_count * heads; ++i) {
      const int64_t query = i / heads, h = i % heads, g = h / (heads / kv_heads);
      const KeyRange range = mask.Range(query);
      if (range.begin >= range.end) continue;
      std::vector<float> p;
      const std::vector<int64_t> path = mask.is_tree() ? mask.Path(query) : std::vector<int64_t>();
      std::vector<int64_t> keys;
      float most = sinks ? sinks.data<float>()[static_cast<size_t>(h)] : -std::numeric_limits<float>::infinity();
      for (int64_t t = range.begin; t < range.end; ++t) {
        const bool own = mask.is_tree() && t >= mask.prefix();
        keys.push_back(first_key + (own ? path[static_cast<size_t>(t - mask.prefix())] : t));
        float s = 0;
        for (int64_t d = 0; d < dim; ++d)
          s += q_data[((first_query + query) * heads + h) * dim + d] * k_data[(keys.back() * kv_heads + g) * dim + d];
        s = rounded(rounded(s) * spec.scale);
        p.push_back(spec.softcap > 0 ? rounded(spec.softcap * std::tanh(s / spec.softcap)) : s);
        most = std::max(most, p.back());
      }
      float sum = sinks ? std::exp(sinks.data<float>()[static_cast<size_t>(h)] - most) : 0;
      for (float& s : p) sum += s = std::exp(s - most);
      for (int64_t d = 0; d < value_dim; ++d) {
        float total = 0;
        for (size_t j = 0; j < p.size(); ++j)
          total += rounded(p[j] / sum) * v_data[(keys[j] * kv_heads + g) * value_dim + d];
        o_data[((first_query + query) * heads + h) * value_dim + d] = total;
      }
    }
    first_query += sequence.query_count, first_key += sequence.key_count;
  }
  return o.To(DTypeOf<T>);
}

inline double Epsilon(DType dtype) { return dtype == DType::kF32 ? 0x1p-23 : dtype == DType::kF16 ? 0x1p-10 : 0x1p-7; }

// The gradients likewise, for patterns without caps, sinks and trees: P, dP and dS rounded to T, sums in f32.
template <typename T>
AttentionOperands PlainVjp(const AttentionOperands& x, const AttentionSpec& spec, const Tensor& d_o) {
  const auto rounded = [](float value) { return static_cast<float>(T(value)); };
  const Tensor q = x.q.To(DType::kF32), k = x.k.To(DType::kF32), v = x.v.To(DType::kF32), g = d_o.To(DType::kF32);
  const int64_t heads = q.dim(1), kv_heads = k.dim(1), dim = q.dim(2), value_dim = v.dim(2);
  Tensor dq = Tensor::Zeros(q.shape()), dk = Tensor::Zeros(k.shape()), dv = Tensor::Zeros(v.shape());
  const auto dot = [](const float* a, const float* b, int64_t n) {
    float sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
    return sum;
  };
  const auto add = [](float scale, const float* from, float* to, int64_t n) {
    for (int64_t i = 0; i < n; ++i) to[i] += scale * from[i];
  };
  const float *q_data = q.data<float>().data(), *k_data = k.data<float>().data(), *v_data = v.data<float>().data();
  const float* g_data = g.data<float>().data();
  float *dq_data = dq.mutable_data<float>().data(), *dk_data = dk.mutable_data<float>().data();
  float* dv_data = dv.mutable_data<float>().data();
  int64_t first_query = 0, first_key = 0;
  for (const AttentionSequence& sequence : spec.pattern.sequences) {
    const AttentionMask mask(spec.pattern, sequence);
    for (int64_t i = 0; i < sequence.query_count * heads; ++i) {
      const int64_t query = first_query + i / heads, h = i % heads, group = h / (heads / kv_heads);
      const KeyRange range = mask.Range(i / heads);
      std::vector<float> p, dp;
      float most = -std::numeric_limits<float>::infinity(), sum = 0, delta = 0;
      const float *q_row = q_data + (query * heads + h) * dim, *g_row = g_data + (query * heads + h) * value_dim;
      const auto key = [&](int64_t t) { return (first_key + t) * kv_heads + group; };
      for (int64_t t = range.begin; t < range.end; ++t) {
        p.push_back(rounded(rounded(dot(q_row, k_data + key(t) * dim, dim)) * spec.scale));
        most = std::max(most, p.back());
      }
      for (float& s : p) sum += s = std::exp(s - most);
      for (float& s : p) s = rounded(s / sum);
      for (int64_t t = range.begin; t < range.end; ++t) {
        const size_t at = static_cast<size_t>(t - range.begin);
        dp.push_back(rounded(dot(g_row, v_data + key(t) * value_dim, value_dim)));
        delta += p[at] * dp.back();
        add(p[at], g_row, dv_data + key(t) * value_dim, value_dim);
      }
      for (int64_t t = range.begin; t < range.end; ++t) {
        const size_t at = static_cast<size_t>(t - range.begin);
        const float ds = rounded(p[at] * (dp[at] - delta)) * spec.scale;
        add(ds, k_data + key(t) * dim, dq_data + (query * heads + h) * dim, dim);
        add(ds, q_row, dk_data + key(t) * dim, dim);
      }
    }
    first_query += sequence.query_count, first_key += sequence.key_count;
  }
  return {dq.To(DTypeOf<T>), dk.To(DTypeOf<T>), dv.To(DTypeOf<T>), {}};
}

}  // namespace tessera::kernels
