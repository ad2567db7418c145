// Attention in 8 bits as int8_attention.h writes it: one head and one row at a time, in double.
#include "tessera/kernels/int8_attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace tessera::kernels::reference {
namespace {

using Row = std::vector<double>;

// Rows first … first + count - 1 of one head of a tensor [rows, heads, dim].
std::vector<Row> HeadRows(const Tensor& x, int64_t first, int64_t count, int64_t head) {
  const Tensor wide = x.Contiguous().To(DType::kF64);
  const double* data = wide.data<double>().data();
  std::vector<Row> rows;
  for (int64_t r = first; r < first + count; ++r) {
    const double* row = data + (r * x.dim(1) + head) * x.dim(2);
    rows.emplace_back(row, row + x.dim(2));
  }
  return rows;
}

// Takes the mean of the rows from each; returns it.
Row Center(std::vector<Row>& rows, int64_t dim) {
  Row mean(static_cast<size_t>(dim));
  for (const Row& row : rows)
    for (size_t d = 0; d < mean.size(); ++d) mean[d] += row[d] / static_cast<double>(rows.size());
  for (Row& row : rows)
    for (size_t d = 0; d < mean.size(); ++d) row[d] -= mean[d];
  return mean;
}

double Larger(double most, double x) { return most > std::abs(x) ? most : std::abs(x); }  // NaN stays

double Code(double x, double scale) { return scale > 0 ? std::nearbyint(x / scale) : 0; }

// Makes each number its code; returns the scale.
double RoundRow(Row& row) {
  double most = 0;
  for (const double x : row) most = Larger(most, x);
  for (double& x : row) x = Code(x, most / 127);
  return most / 127;
}

// Codes of a tile of values, rows begin … end - 1, with a scale a channel.
Row RoundColumns(std::vector<Row>& rows, size_t begin, size_t end) {
  Row scales(rows[begin].size());
  for (size_t d = 0; d < scales.size(); ++d) {
    double most = 0;
    for (size_t j = begin; j < end; ++j) most = Larger(most, rows[j][d]);
    scales[d] = most / 127;
    for (size_t j = begin; j < end; ++j) rows[j][d] = Code(rows[j][d], scales[d]);
  }
  return scales;
}

// One head of the keys and values of a sequence.
struct Head {
  std::vector<Row> k, v;
  Row key_scales, mean;
  std::vector<Row> value_scales;  // of each tile

  Head(const AttentionOperands& x, int64_t first, int64_t count, int64_t head)
      : k(HeadRows(x.k, first, count, head)), v(HeadRows(x.v, first, count, head)) {
    Center(k, x.k.dim(2));
    mean = Center(v, x.v.dim(2));
    for (Row& key : k) key_scales.push_back(RoundRow(key));
    for (size_t begin = 0; begin < v.size(); begin += kInt8TileKeys)
      value_scales.push_back(RoundColumns(v, begin, End(begin)));
  }
  size_t End(size_t begin) const { return std::min(v.size(), begin + static_cast<size_t>(kInt8TileKeys)); }

  Row Attend(Row q, double scale) const {
    const double factor = RoundRow(q) * scale;
    Row z(k.size());
    for (size_t j = 0; j < k.size(); ++j) {
      double sum = 0;
      for (size_t d = 0; d < q.size(); ++d) sum += q[d] * k[j][d];
      z[j] = factor * key_scales[j] * sum;
    }
    double most = -std::numeric_limits<double>::infinity(), total = 0;
    for (const double x : z) most = most > x ? most : x;
    Row o(mean.size());
    for (size_t begin = 0; begin < v.size(); begin = End(begin)) {
      double n = -std::numeric_limits<double>::infinity();
      for (size_t j = begin; j < End(begin); ++j) n = n > z[j] ? n : z[j];
      for (size_t j = begin; j < End(begin); ++j) {
        const double weight = std::exp(n - most) * std::nearbyint(255 * std::exp(z[j] - n));
        total += weight;
        for (size_t d = 0; d < o.size(); ++d) o[d] += weight * value_scales[begin / kInt8TileKeys][d] * v[j][d];
      }
    }
    for (size_t d = 0; d < o.size() && !k.empty(); ++d) o[d] = o[d] / total + mean[d];
    return o;
  }
};

}  // namespace

Tensor Int8Attention(const AttentionOperands& x, const AttentionSpec& spec) {
  Tensor o = Tensor::Zeros({x.q.dim(0), x.q.dim(1), x.v.dim(2)}, DType::kF64);
  double* out = o.mutable_data<double>().data();
  const int64_t heads = x.q.dim(1), group = heads / x.k.dim(1);
  int64_t first_query = 0, first_key = 0;
  for (const AttentionSequence& s : spec.pattern.sequences) {
    for (int64_t h = 0; h < heads; ++h) {
      const Head head(x, first_key, s.key_count, h / group);
      const std::vector<Row> queries = HeadRows(x.q, first_query, s.query_count, h);
      for (size_t i = 0; i < queries.size(); ++i) {
        const Row row = head.Attend(queries[i], static_cast<double>(spec.scale));
        std::copy(row.begin(), row.end(), out + ((first_query + static_cast<int64_t>(i)) * heads + h) * x.v.dim(2));
      }
    }
    first_query += s.query_count, first_key += s.key_count;
  }
  return o.To(x.q.dtype());
}

}  // namespace tessera::kernels::reference
