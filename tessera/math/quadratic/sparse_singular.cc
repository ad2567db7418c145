#include "tessera/math/quadratic/sparse_singular.h"

#include <algorithm>
#include <cmath>

#include "tessera/core/random.h"
#include "tessera/math/quadratic/multifrontal.h"
#include "tessera/math/quadratic/vectors.h"

namespace tessera::math::quadratic {
namespace {

using Vector = std::vector<double>;

constexpr int64_t kMostNullVectors = 64;
constexpr int kIterations = 4;      // other eigenvalues shrink by shift/λ in each
constexpr double kRounding = 1e-7;  // how far a part may be from its fraction
constexpr int64_t kMostDenominator = 5000;

void Orthonormalise(std::vector<Vector>& basis) {
  for (size_t k = 0; k < basis.size(); ++k)
    for (int twice = 0; twice < 2; ++twice) {
      for (size_t i = 0; i < k; ++i) {
        const double product = Dot(basis[k], basis[i]);
        for (size_t r = 0; r < basis[k].size(); ++r) basis[k][r] -= product * basis[i][r];
      }
      const double length = Norm(basis[k]);
      for (double& value : basis[k]) value /= length;
    }
}

// The vectors that (A + shift I)^-1 makes largest.
std::vector<Vector> NearNull(const SparseFactor& factor, int64_t n, int64_t count) {
  Random random(1);
  std::vector<Vector> basis(static_cast<size_t>(count), Vector(static_cast<size_t>(n)));
  for (Vector& v : basis)
    for (double& value : v) value = random.Uniform() - 0.5;
  for (int i = 0; i < kIterations; ++i) {
    Orthonormalise(basis);
    for (Vector& v : basis) factor.Solve(v);
  }
  Orthonormalise(basis);
  return basis;
}

// Combines the vectors so that each is 1 at a row of its own, where the others are 0. Returns those rows.
std::vector<size_t> Echelon(std::vector<Vector>& basis) {
  std::vector<size_t> rows;
  for (size_t k = 0; k < basis.size(); ++k) {
    const auto largest = std::ranges::max_element(basis[k], {}, [](double value) { return std::abs(value); });
    const auto row = static_cast<size_t>(largest - basis[k].begin());
    rows.push_back(row);
    const double pivot = basis[k][row];
    for (double& value : basis[k]) value /= pivot;
    for (size_t i = 0; i < basis.size(); ++i) {
      if (i == k) continue;
      const double factor = basis[i][row];
      for (size_t r = 0; r < basis[i].size(); ++r) basis[i][r] -= factor * basis[k][r];
    }
  }
  return rows;
}

// The fraction with the least denominator within kRounding, by its continued fraction.
std::optional<Rational> NearFraction(double value) {
  if (!(std::abs(value) < 1e9)) return std::nullopt;
  int64_t p0 = 1, q0 = 0, p1 = static_cast<int64_t>(std::floor(value)), q1 = 1;
  double rest = value - std::floor(value);
  while (std::abs(static_cast<double>(p1) / static_cast<double>(q1) - value) > kRounding) {
    if (rest < 1e-12) return std::nullopt;
    const double next = 1 / rest, whole = std::floor(next);
    if (whole > static_cast<double>(kMostDenominator)) return std::nullopt;
    rest = next - whole;
    const auto digit = static_cast<int64_t>(whole);
    const int64_t p2 = digit * p1 + p0, q2 = digit * q1 + q0;
    if (q2 > kMostDenominator) return std::nullopt;
    p0 = p1, q0 = q1, p1 = p2, q1 = q2;
  }
  return Rational(Integer(p1), Integer(q1));
}

std::optional<std::vector<Rational>> Fractions(const Vector& v) {
  std::vector<Rational> result;
  for (const double value : v) {
    const auto fraction = NearFraction(value);
    if (!fraction) return std::nullopt;
    result.push_back(*fraction);
  }
  return result;
}

bool IsNullVector(const SparseMatrix& a, const std::vector<Rational>& values, const std::vector<Rational>& v) {
  for (size_t i = 0; i < v.size(); ++i) {
    Rational sum = 0;
    for (auto e = static_cast<size_t>(a.start[i]); e < static_cast<size_t>(a.start[i + 1]); ++e)
      if (const Rational& part = v[static_cast<size_t>(a.column[e])]; !part.is_zero()) sum = sum + values[e] * part;
    if (!sum.is_zero()) return false;
  }
  return true;
}

// The problem without the variables of `rows`; where[i] is what variable i became, or -1.
SparseProblem Without(const SparseProblem& p, const std::vector<size_t>& rows, std::vector<int32_t>& where) {
  where.assign(static_cast<size_t>(p.a.n), 0);
  for (const size_t row : rows) where[row] = -1;
  SparseProblem rest{.a = {.n = p.a.n - std::ssize(rows), .start = {0}}, .c = p.c};
  int32_t next = 0;
  for (int32_t& place : where)
    if (place == 0) place = next++;
  for (size_t i = 0; i < where.size(); ++i) {
    if (where[i] < 0) continue;
    for (auto e = static_cast<size_t>(p.a.start[i]); e < static_cast<size_t>(p.a.start[i + 1]); ++e) {
      const int32_t column = where[static_cast<size_t>(p.a.column[e])];
      if (column < 0) continue;
      rest.a.column.push_back(column);
      rest.a.value.push_back(p.a.value[e]);
    }
    rest.a.start.push_back(std::ssize(rest.a.column));
    rest.b.push_back(p.b[i]);
  }
  return rest;
}

Vector Widened(const Vector& x, const std::vector<int32_t>& where) {
  if (x.empty()) return {};
  Vector wide(where.size());
  for (size_t i = 0; i < where.size(); ++i)
    if (where[i] >= 0) wide[i] = x[static_cast<size_t>(where[i])];
  return wide;
}

// x without its part in the null space, and f and the residual there.
void FinishPoint(const SparseProblem& p, std::vector<Vector> null_space, DenseSolution& s) {
  Orthonormalise(null_space);
  for (const Vector& v : null_space) {
    const double product = Dot(s.x, v);
    for (size_t i = 0; i < v.size(); ++i) s.x[i] -= product * v[i];
  }
  Vector gradient;
  double squares = 0;
  for (const double value : p.a.value) squares += value * value;
  p.a.Multiply(s.x, gradient);
  for (size_t i = 0; i < gradient.size(); ++i) gradient[i] = 2 * gradient[i] + p.b[i];
  s.residual = Norm(gradient) / (2 * std::sqrt(squares) * Norm(s.x) + Norm(p.b) + 1e-300);
  s.value = (Dot(s.x, gradient) + Dot(p.b, s.x)) / 2 + p.c;
}

Vector Unit(size_t n, size_t i, double value) {
  Vector v(n);
  v[i] = value;
  return v;
}

// A without its rows of zeros, then with them.
std::optional<SingularSolution> WithoutFree(const SparseProblem& p, const SparseExact& exact,
                                            const std::vector<size_t>& rows, const SparseLimits& limits) {
  std::vector<int32_t> where;
  const SparseProblem rest = Without(p, rows, where);
  SparseExact rest_exact{.a = exact.a};
  for (size_t i = 0; i < where.size(); ++i)
    if (where[i] >= 0) rest_exact.b.push_back(exact.b[i]);
  const SparseOutcome outcome = SolveSparse(rest, limits);
  std::optional<SingularSolution> result;
  if (outcome.solution) {
    result = SingularSolution{.solution = *outcome.solution, .descent = outcome.descent, .ascent = outcome.ascent};
  } else {
    result = SolveSingular(rest, rest_exact, outcome, limits);
  }
  if (!result) return std::nullopt;
  DenseSolution& s = result->solution;
  s.x = Widened(s.x, where);
  result->descent = Widened(result->descent, where);
  result->ascent = Widened(result->ascent, where);
  for (std::vector<Rational>& v : result->null_space) {
    std::vector<Rational> wide(where.size());
    for (size_t i = 0; i < where.size(); ++i)
      if (where[i] >= 0) wide[i] = v[static_cast<size_t>(where[i])];
    v = std::move(wide);
  }
  for (const size_t row : rows) {
    ++s.inertia.zero;
    result->free_variables.push_back(static_cast<int64_t>(row));
    const int sign = exact.b[row].sign();
    if (sign == 0 || !result->b_in_range) continue;
    result->b_in_range = false;
    result->ascent = Unit(where.size(), row, sign);
    result->descent = Unit(where.size(), row, -sign);
    s.x.clear();
  }
  s.kind = KindOf(s.inertia, result->b_in_range);
  return result;
}

}  // namespace

std::optional<SingularSolution> SolveSingular(const SparseProblem& p, const SparseExact& exact,
                                              const SparseOutcome& outcome, const SparseLimits& limits) {
  std::vector<size_t> free;
  for (size_t i = 0; i < p.b.size(); ++i)
    if (p.a.start[i] == p.a.start[i + 1]) free.push_back(i);
  if (!free.empty()) return WithoutFree(p, exact, free, limits);
  const int64_t count = outcome.near_zero;
  if (outcome.solution || count < 1 || count > kMostNullVectors || count >= p.a.n) return std::nullopt;
  const FrontTree tree(p.a, Partners(p.a));
  const SparseFactor factor(p.a, tree, 1, outcome.near_zero_shift, Pivoting::kDelayed);
  if (!factor.complete()) return std::nullopt;
  std::vector<Vector> basis = NearNull(factor, p.a.n, count);
  const std::vector<size_t> rows = Echelon(basis);
  SingularSolution result;
  const Rational* sloped = nullptr;
  std::vector<Rational> slopes;
  for (const Vector& v : basis) {
    auto fractions = Fractions(v);
    if (!fractions || !IsNullVector(p.a, exact.a, *fractions)) return std::nullopt;
    Rational slope = 0;
    for (size_t i = 0; i < fractions->size(); ++i)
      if (!(*fractions)[i].is_zero()) slope = slope + exact.b[i] * (*fractions)[i];
    slopes.push_back(slope);
    result.null_space.push_back(std::move(*fractions));
  }
  // Rows with a 1 of their own make V_K the identity, exactly, since each part was rounded to a fraction.
  std::vector<int32_t> where;
  const SparseProblem rest = Without(p, rows, where);
  if (std::ranges::all_of(rest.a.value, [](double value) { return value == 0; })) return std::nullopt;
  const SparseOutcome regular = SolveSparse(rest, limits);
  if (!regular.solution) return std::nullopt;
  DenseSolution& s = result.solution;
  s = *regular.solution;
  s.inertia.zero = count;
  for (size_t k = 0; k < slopes.size(); ++k) {
    if (slopes[k].is_zero()) continue;
    result.b_in_range = false;
    sloped = &slopes[k];
    basis[0].swap(basis[k]);
    break;
  }
  s.kind = KindOf(s.inertia, result.b_in_range);
  if (!result.b_in_range) {
    result.ascent = basis[0];
    result.descent = basis[0];
    for (double& value : sloped->sign() > 0 ? result.descent : result.ascent) value = -value;
    s.x.clear();
    return result;
  }
  s.x = Widened(s.x, where);
  FinishPoint(p, basis, s);
  result.descent = Widened(regular.descent, where);
  result.ascent = Widened(regular.ascent, where);
  return result;
}

}  // namespace tessera::math::quadratic
