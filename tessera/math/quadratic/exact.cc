#include <flint/fmpq_mat.h>

#include "tessera/math/errors.h"
#include "tessera/math/quadratic/quadratic.h"

namespace tessera::math::quadratic {
namespace {

using Vector = std::vector<Rational>;

Rational Dot(const Vector& x, const Vector& y) {
  Rational sum = 0;
  for (size_t i = 0; i < x.size(); ++i)
    if (!x[i].is_zero() && !y[i].is_zero()) sum = sum + x[i] * y[i];
  return sum;
}

// M A M' = D, where D has blocks of size 1 and blocks (0 d; d 0). Rows of M are directions: row' A row = D.
class Elimination {
 public:
  Elimination(const ExactProblem& problem)
      : n_(static_cast<size_t>(problem.n)), a_(n_, Vector(n_)), m_(n_, Vector(n_)) {
    for (size_t i = 0; i < n_; ++i) {
      m_[i][i] = 1;
      for (size_t j = 0; j < n_; ++j) a_[i][j] = problem.a[i * n_ + j];
    }
    for (size_t k = 0; k < n_;) k += Step(k);
  }

  struct Block {
    size_t first = 0, size = 1;
    Rational d;  // the pivot, or the pair's off-diagonal number
  };
  const std::vector<Block>& blocks() const { return blocks_; }
  const Vector& direction(size_t i) const { return m_[i]; }

 private:
  size_t n_;
  std::vector<Vector> a_, m_;
  std::vector<Block> blocks_;

  void Swap(size_t i, size_t j) {
    if (i == j) return;
    std::swap(a_[i], a_[j]);
    for (size_t r = 0; r < n_; ++r) std::swap(a_[r][i], a_[r][j]);
    std::swap(m_[i], m_[j]);
  }

  // row_i -= factor · row_k, in A's rows from column `from` on and in M; A's columns follow by symmetry.
  void Subtract(size_t i, size_t k, const Rational& factor, size_t from) {
    if (factor.is_zero()) return;
    for (size_t c = from; c < n_; ++c)
      if (!a_[k][c].is_zero()) a_[i][c] = a_[i][c] - factor * a_[k][c];
    for (size_t c = 0; c < n_; ++c)
      if (!m_[k][c].is_zero()) m_[i][c] = m_[i][c] - factor * m_[k][c];
  }

  size_t Step(size_t k) {
    // The shortest pivot on the diagonal keeps the fractions short.
    size_t best = n_;
    for (size_t i = k; i < n_; ++i)
      if (!a_[i][i].is_zero() && (best == n_ || a_[i][i].bits() < a_[best][best].bits())) best = i;
    if (best < n_) {
      Swap(k, best);
      const Rational pivot = a_[k][k];
      blocks_.push_back({k, 1, pivot});
      for (size_t i = k + 1; i < n_; ++i) Subtract(i, k, a_[i][k] / pivot, k + 1);
      return 1;
    }
    for (size_t i = k; i < n_; ++i)
      for (size_t j = i + 1; j < n_; ++j) {
        if (a_[i][j].is_zero()) continue;
        Swap(k, i);
        Swap(k + 1, j);
        const Rational d = a_[k][k + 1];
        blocks_.push_back({k, 2, d});
        for (size_t r = k + 2; r < n_; ++r) {
          const Rational with_first = a_[r][k + 1] / d, with_second = a_[r][k] / d;
          Subtract(r, k, with_first, k + 2);
          Subtract(r, k + 1, with_second, k + 2);
        }
        return 2;
      }
    for (size_t i = k; i < n_; ++i) blocks_.push_back({i, 1, 0});
    return n_ - k;
  }
};

Vector Scaled(const Vector& x, const Rational& factor) {
  Vector result;
  for (const Rational& value : x) result.push_back(value * factor);
  return result;
}

void AddTo(Vector& x, const Vector& y, const Rational& factor) {
  if (factor.is_zero()) return;
  for (size_t i = 0; i < x.size(); ++i) x[i] = x[i] + y[i] * factor;
}

// x minus its part in the span of `basis`: the shortest of x + span.
Vector LeastNorm(Vector x, const std::vector<Vector>& basis) {
  const auto k = static_cast<slong>(basis.size());
  if (k == 0) return x;
  fmpq_mat_t gram, right, weights;
  fmpq_mat_init(gram, k, k);
  fmpq_mat_init(right, k, 1);
  fmpq_mat_init(weights, k, 1);
  for (slong i = 0; i < k; ++i) {
    const Vector& row = basis[static_cast<size_t>(i)];
    for (slong j = 0; j < k; ++j) {
      const Rational product = Dot(row, basis[static_cast<size_t>(j)]);
      fmpq_set(fmpq_mat_entry(gram, i, j), product.raw());
    }
    const Rational product = Dot(row, x);
    fmpq_set(fmpq_mat_entry(right, i, 0), product.raw());
  }
  fmpq_mat_solve(weights, gram, right);
  for (slong i = 0; i < k; ++i) {
    Rational weight;
    fmpq_set(weight.raw(), fmpq_mat_entry(weights, i, 0));
    AddTo(x, basis[static_cast<size_t>(i)], -weight);
  }
  fmpq_mat_clear(gram);
  fmpq_mat_clear(right);
  fmpq_mat_clear(weights);
  return x;
}

}  // namespace

std::string_view Name(Kind kind) {
  switch (kind) {
    case Kind::kUniqueMinimum:
      return "unique minimum";
    case Kind::kFlatMinimum:
      return "flat minimum";
    case Kind::kUniqueMaximum:
      return "unique maximum";
    case Kind::kFlatMaximum:
      return "flat maximum";
    case Kind::kSaddle:
      return "saddle";
    default:
      return "no stationary point";
  }
}

Kind KindOf(const Inertia& inertia, bool b_in_range) {
  if (!b_in_range) return Kind::kNoStationaryPoint;
  if (inertia.positive > 0 && inertia.negative > 0) return Kind::kSaddle;
  if (inertia.negative == 0) return inertia.zero == 0 ? Kind::kUniqueMinimum : Kind::kFlatMinimum;
  return inertia.zero == 0 ? Kind::kUniqueMaximum : Kind::kFlatMaximum;
}

void RequireQuadratic(const ExactProblem& p) {
  const auto n = static_cast<size_t>(p.n);
  if (p.n < 1 || p.a.size() != n * n)
    FailInput("dimension", "quadratic: A has {} values and is not {} × {}", p.a.size(), n, n);
  if (p.b.size() != n) FailInput("dimension", "quadratic: b has {} values but A is {} × {}", p.b.size(), n, n);
  bool all_zero = true;
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j) {
      all_zero = all_zero && p.a[i * n + j].is_zero();
      if (p.a[i * n + j] != p.a[j * n + i])
        FailInput("not-symmetric",
                  "quadratic: A is not symmetric: row {}, column {} is {} but row {}, column {} is {}. x'Ax is the "
                  "same with (A + A')/2",
                  i + 1, j + 1, p.a[i * n + j].ToString(), j + 1, i + 1, p.a[j * n + i].ToString());
    }
  if (all_zero)
    FailInput("zero-matrix", "quadratic: A is zero, so f is linear and has no extremum unless it is constant");
}

Rational Evaluate(const ExactProblem& p, const std::vector<Rational>& x) {
  const Vector gradient = Gradient(p, x);  // f = x'(2Ax + b)/2 + b'x/2 + c
  return Dot(x, gradient) * Rational(1, 2) + Dot(p.b, x) * Rational(1, 2) + p.c;
}

std::vector<Rational> Gradient(const ExactProblem& p, const std::vector<Rational>& x) {
  const auto n = static_cast<size_t>(p.n);
  Vector gradient(n);
  for (size_t i = 0; i < n; ++i) {
    Rational sum = 0;
    for (size_t j = 0; j < n; ++j)
      if (!p.a[i * n + j].is_zero()) sum = sum + p.a[i * n + j] * x[j];
    gradient[i] = Rational(2) * sum + p.b[i];
  }
  return gradient;
}

ExactSolution SolveExact(const ExactProblem& p) {
  RequireQuadratic(p);
  if (p.n > kMaxExactSize)
    FailInput("too-large", "quadratic: rational arithmetic goes to n = {}, not {}", kMaxExactSize, p.n);
  const Elimination elimination(p);
  ExactSolution s;
  s.b_in_range = true;
  Vector x(static_cast<size_t>(p.n)), linear;
  for (const auto& [first, size, d] : elimination.blocks()) {
    const Vector& u = elimination.direction(first);
    const Rational bu = Dot(p.b, u);
    if (size == 2) {  // (0 d; d 0): z_1 = -b'v/(2d), z_2 = -b'u/(2d); u ± v have values ±2d
      const Vector& v = elimination.direction(first + 1);
      ++s.inertia.positive;
      ++s.inertia.negative;
      AddTo(x, u, -Dot(p.b, v) / (Rational(2) * d));
      AddTo(x, v, -bu / (Rational(2) * d));
      Vector plus = u, minus = u;
      AddTo(plus, v, d.sign() > 0 ? 1 : -1);
      AddTo(minus, v, d.sign() > 0 ? -1 : 1);
      s.ascent = plus;
      s.descent = minus;
    } else if (d.is_zero()) {
      ++s.inertia.zero;
      s.null_space.push_back(u);
      if (!bu.is_zero()) {
        s.b_in_range = false;
        linear = Scaled(u, bu.sign());
      }
    } else {
      ++(d.sign() > 0 ? s.inertia.positive : s.inertia.negative);
      (d.sign() > 0 ? s.ascent : s.descent) = u;
      AddTo(x, u, -bu / (Rational(2) * d));
    }
  }
  s.kind = KindOf(s.inertia, s.b_in_range);
  if (!s.b_in_range) {
    s.ascent = linear;
    s.descent = Scaled(linear, -1);
    return s;
  }
  s.x = LeastNorm(x, s.null_space);
  s.value = Evaluate(p, s.x);
  return s;
}

}  // namespace tessera::math::quadratic
