// Attention as the textbook writes it: one row at a time, in double.
//
//   x = scale · q·k,  s = softcap · tanh(x / softcap) or x,  p = exp(s - lse),  o = Σ p v
//   VJP:  D = do·o,  dv += p do,  ds = p (do·v - D),  dx = ds · (1 - (s / softcap)²),  dq += scale dx k,  dk += scale
//   dx q JVP:  ȯ = Σ p ṡ v + Σ p v̇ - (Σ p ṡ) o       the sums of ṡ include the sink, which has no value
#include "tessera/kernels/attention.h"

#include <cmath>
#include <limits>

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/attention_mask.h"

namespace tessera::kernels::reference {
namespace {

// [rows, heads, dim] in double; all zeros when undefined.
struct Values {
  Tensor tensor;
  int64_t heads = 0, dim = 0;
  explicit Values(const Tensor& from) {
    if (!from) return;
    tensor = from.Contiguous().To(DType::kF64);
    first_ = tensor.data<double>().data();
    if (from.rank() == 3) heads = from.dim(1), dim = from.dim(2);
  }
  const double* Row(int64_t row, int64_t head) const { return first_ + (row * heads + head) * dim; }
  // Only of a tensor made here.
  double* MutableRow(int64_t row, int64_t head) { return const_cast<double*>(Row(row, head)); }

 private:
  const double* first_ = nullptr;
};

double Dot(const double* a, const double* b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

void AddScaled(double factor, const double* x, double* sum, int64_t n) {
  for (int64_t i = 0; i < n; ++i) sum[i] += factor * x[i];
}

// One query row of one head: where it lies, and the keys that it sees, in the order of their positions.
struct Row {
  int64_t query, head, kv_head;
  std::vector<int64_t> keys;
};

class Problem {
 public:
  Problem(const AttentionOperands& x, const AttentionSpec& spec) : q(x.q), k(x.k), v(x.v), sinks(x.sinks), spec_(spec) {
    int64_t queries = 0, keys = 0;
    for (const AttentionSequence& sequence : spec.pattern.sequences) {
      first_query_.push_back(queries), first_key_.push_back(keys);
      queries += sequence.query_count, keys += sequence.key_count;
    }
  }

  Values q, k, v, sinks;

  // Calls body(row) for the rows of one sequence that use one key/value head, in order.
  template <typename Body>
  void ForEachRow(size_t sequence, int64_t kv_head, const Body& body) const {
    const AttentionSequence& s = spec_.pattern.sequences[sequence];
    const AttentionMask mask(spec_.pattern, s);
    const int64_t group = q.heads / k.heads;
    for (int64_t i = 0; i < s.query_count; ++i) {
      const KeyRange range = mask.Range(i);
      std::vector<int64_t> keys;
      for (int64_t t = range.begin; t < range.end; ++t) keys.push_back(first_key_[sequence] + t);
      if (mask.is_tree()) {
        const std::vector<int64_t> path = mask.Path(i);
        for (int64_t t = std::max(range.begin, mask.prefix()); t < range.end; ++t)
          keys[static_cast<size_t>(t - range.begin)] =
              first_key_[sequence] + path[static_cast<size_t>(t - mask.prefix())];
      }
      for (int64_t h = 0; h < group; ++h) body(Row{first_query_[sequence] + i, kv_head * group + h, kv_head, keys});
    }
  }

  // Calls body(sequence, kv_head) for all of them, in parallel.
  template <typename Body>
  void ForEachHead(const Body& body) const {
    ParallelFor(static_cast<int64_t>(first_query_.size()) * k.heads,
                [&](int64_t i) { body(static_cast<size_t>(i / k.heads), i % k.heads); });
  }

  double Score(const Row& row, int64_t key) const {
    const double x = spec_.scale * Dot(q.Row(row.query, row.head), k.Row(key, row.kv_head), q.dim);
    return spec_.softcap > 0 ? spec_.softcap * std::tanh(x / spec_.softcap) : x;
  }
  // scale · ds/dx at a score s.
  double Slope(double s) const {
    const double t = spec_.softcap > 0 ? s / spec_.softcap : 0;
    return spec_.scale * (1 - t * t);
  }
  double Sink(int64_t head) const {
    return sinks.tensor ? sinks.tensor.data<double>()[static_cast<size_t>(head)]
                        : -std::numeric_limits<double>::infinity();
  }

 private:
  const AttentionSpec& spec_;
  std::vector<int64_t> first_query_, first_key_;
};

DType LseType(const Tensor& q) { return q.dtype() == DType::kF64 ? DType::kF64 : DType::kF32; }

}  // namespace

AttentionResult Attention(const AttentionOperands& x, const AttentionSpec& spec) {
  const Problem problem(x, spec);
  Values o(Tensor::Zeros({x.q.dim(0), x.q.dim(1), x.v.dim(2)}, DType::kF64));
  Tensor lse = Tensor::Empty({x.q.dim(0), x.q.dim(1)}, DType::kF64);
  const std::span<double> lse_out = lse.mutable_data<double>();
  problem.ForEachHead([&](size_t sequence, int64_t kv_head) {
    problem.ForEachRow(sequence, kv_head, [&](const Row& row) {
      double most = problem.Sink(row.head);
      std::vector<double> p;
      for (int64_t key : row.keys) {
        p.push_back(problem.Score(row, key));
        most = p.back() > most || std::isnan(p.back()) ? p.back() : most;
      }
      double sum = std::exp(problem.Sink(row.head) - most);
      if (std::isnan(sum)) sum = 0;  // no sink and nothing to see
      for (double& s : p) sum += s = std::exp(s - most);
      double* out = o.MutableRow(row.query, row.head);
      for (size_t j = 0; j < p.size(); ++j) AddScaled(p[j] / sum, problem.v.Row(row.keys[j], row.kv_head), out, o.dim);
      lse_out[static_cast<size_t>(row.query * problem.q.heads + row.head)] =
          p.empty() ? std::numeric_limits<double>::infinity() : most + std::log(sum);
    });
  });
  return {o.tensor.To(x.q.dtype()), lse.To(LseType(x.q))};
}

AttentionOperands AttentionVjp(const AttentionOperands& x, const AttentionSpec& spec, const AttentionResult& result,
                               const Tensor& d_o) {
  const Problem problem(x, spec);
  const Values o(result.o), dy(d_o);
  const Tensor lse = result.lse.To(DType::kF64);
  const auto zeros = [](const Tensor& like) { return Values(Tensor::Zeros(like.shape(), DType::kF64)); };
  Values dq = zeros(x.q), dk = zeros(x.k), dv = zeros(x.v);
  Tensor sink_terms = Tensor::Zeros({x.q.dim(0), x.q.dim(1)}, DType::kF64);
  const std::span<double> sink_term = sink_terms.mutable_data<double>();
  problem.ForEachHead([&](size_t sequence, int64_t kv_head) {
    problem.ForEachRow(sequence, kv_head, [&](const Row& row) {
      const double* d_out = dy.Row(row.query, row.head);
      const double delta = Dot(d_out, o.Row(row.query, row.head), o.dim);
      const size_t place = static_cast<size_t>(row.query * problem.q.heads + row.head);
      const double l = lse.data<double>()[place];
      for (int64_t key : row.keys) {
        const double s = problem.Score(row, key), p = std::exp(s - l);
        const double ds = p * (Dot(d_out, problem.v.Row(key, kv_head), o.dim) - delta) * problem.Slope(s);
        AddScaled(p, d_out, dv.MutableRow(key, kv_head), dv.dim);
        AddScaled(ds, problem.k.Row(key, kv_head), dq.MutableRow(row.query, row.head), dq.dim);
        AddScaled(ds, problem.q.Row(row.query, row.head), dk.MutableRow(key, kv_head), dk.dim);
      }
      sink_term[place] = -std::exp(problem.Sink(row.head) - l) * delta;
    });
  });
  AttentionOperands gradients{dq.tensor.To(x.q.dtype()), dk.tensor.To(x.k.dtype()), dv.tensor.To(x.v.dtype()), {}};
  if (x.sinks) {
    Tensor d_sinks = Tensor::Zeros(x.sinks.shape(), DType::kF64);
    const size_t heads = static_cast<size_t>(problem.q.heads);
    for (size_t i = 0; i < sink_term.size(); ++i) d_sinks.mutable_data<double>()[i % heads] += sink_term[i];
    gradients.sinks = d_sinks.To(x.sinks.dtype());
  }
  return gradients;
}

Tensor AttentionJvp(const AttentionOperands& x, const AttentionSpec& spec, const AttentionResult& result,
                    const AttentionOperands& tangents) {
  const Problem problem(x, spec);
  const Values o(result.o), tq(tangents.q), tk(tangents.k), tv(tangents.v), ts(tangents.sinks);
  const Tensor lse = result.lse.To(DType::kF64);
  Values to(Tensor::Zeros(result.o.shape(), DType::kF64));
  problem.ForEachHead([&](size_t sequence, int64_t kv_head) {
    problem.ForEachRow(sequence, kv_head, [&](const Row& row) {
      const double l = lse.data<double>()[static_cast<size_t>(row.query * problem.q.heads + row.head)];
      double* out = to.MutableRow(row.query, row.head);
      double mean = 0;  // Σ p ṡ
      if (ts.tensor) {
        const double tangent = ts.tensor.data<double>()[static_cast<size_t>(row.head)];
        mean = std::exp(problem.Sink(row.head) - l) * tangent;
      }
      for (int64_t key : row.keys) {
        const double s = problem.Score(row, key), p = std::exp(s - l);
        double t = 0;
        if (tq.tensor) t += Dot(tq.Row(row.query, row.head), problem.k.Row(key, kv_head), problem.k.dim);
        if (tk.tensor) t += Dot(problem.q.Row(row.query, row.head), tk.Row(key, kv_head), tk.dim);
        t *= problem.Slope(s);
        mean += p * t;
        AddScaled(p * t, problem.v.Row(key, kv_head), out, to.dim);
        if (tv.tensor) AddScaled(p, tv.Row(key, kv_head), out, to.dim);
      }
      AddScaled(-mean, o.Row(row.query, row.head), out, to.dim);
    });
  });
  return to.tensor.To(x.q.dtype());
}

AttentionResult AttentionPaged(const AttentionOperands& x, const KvPages& pages, const AttentionSpec& spec) {
  const KvPageFormat& format = pages.format;
  const int64_t rows = spec.pattern.key_rows();
  Tensor k = Tensor::Empty({rows, format.kv_heads, format.key_dim});
  Tensor v = Tensor::Empty({rows, format.kv_heads, format.value_dim});
  int64_t row = 0;
  for (const AttentionSequence& sequence : spec.pattern.sequences) {
    for (int64_t t = 0; t < sequence.key_count; ++t, ++row) {
      const int64_t page = sequence.pages[static_cast<size_t>(t / kPageTokens)];
      const auto [key, value] = LoadKv(pages, page * kPageTokens + t % kPageTokens);
      std::ranges::copy(key.data<float>(), k.mutable_data<float>().begin() + row * format.kv_heads * format.key_dim);
      std::ranges::copy(value.data<float>(),
                        v.mutable_data<float>().begin() + row * format.kv_heads * format.value_dim);
    }
  }
  return reference::Attention({x.q, k, v, x.sinks}, spec);
}

}  // namespace tessera::kernels::reference
