#include "tessera/math/quadratic/sparse.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tessera/math/errors.h"
#include "tessera/math/quadratic/multifrontal.h"
#include "tessera/math/quadratic/vectors.h"

namespace tessera::math::quadratic {
namespace {

constexpr double kUnit = 0x1p-53;

struct Norms {
  double trace = 0, frobenius = 0, rows = 0;  // Σ |a_ii|, sqrt Σ a_ij², max Σ_j |a_ij|
};

Norms NormsOf(const SparseMatrix& a) {
  Norms norms;
  double squares = 0;
  for (size_t i = 0; i < static_cast<size_t>(a.n); ++i) {
    double row = 0;
    for (auto e = static_cast<size_t>(a.start[i]); e < static_cast<size_t>(a.start[i + 1]); ++e) {
      row += std::abs(a.value[e]);
      squares += a.value[e] * a.value[e];
    }
    norms.rows = std::max(norms.rows, row);
    norms.trace += std::abs(a.Diagonal(static_cast<int64_t>(i)));
  }
  norms.frobenius = std::sqrt(squares);
  for (double* norm : {&norms.trace, &norms.frobenius, &norms.rows}) *norm *= 1 + 1e-9;
  return norms;
}

// As for dense ones: x -= (2A)^-1 (2Ax + b) while that helps.
void FindPoint(const SparseProblem& p, const SparseFactor& factor, double sign, double frobenius, DenseSolution& s) {
  constexpr int kMostRounds = 8;
  std::vector<double> gradient = p.b, next;
  s.x.assign(p.b.size(), 0);
  const double b_norm = Norm(p.b);
  double best = b_norm;
  for (int round = 0; round < kMostRounds && best > 0; ++round) {
    std::vector<double> step = gradient, x = s.x;
    factor.Solve(step);
    for (size_t i = 0; i < x.size(); ++i) x[i] -= sign * step[i] / 2;
    p.a.Multiply(x, next);
    for (size_t i = 0; i < x.size(); ++i) next[i] = 2 * next[i] + p.b[i];
    const double size = Norm(next);
    if (!(size < best)) break;
    const bool enough = size < 4 * kUnit * (2 * frobenius * Norm(x) + b_norm) || size > best / 4;
    s.x = std::move(x);
    gradient.swap(next);
    best = size;
    if (enough) break;
  }
  s.residual = best / (2 * frobenius * Norm(s.x) + b_norm + 1e-300);
  s.value = (Dot(s.x, gradient) + Dot(p.b, s.x)) / 2 + p.c;
}

// v'Av has the sign for certain: its computed value exceeds all rounding errors, those of reading A included.
bool HasSign(const SparseMatrix& a, const std::vector<double>& v, int sign) {
  double value = 0, size = 0;
  int64_t longest = 0;
  for (size_t i = 0; i < v.size(); ++i) {
    double row = 0, row_size = 0;
    longest = std::max(longest, a.start[i + 1] - a.start[i]);
    for (auto e = static_cast<size_t>(a.start[i]); e < static_cast<size_t>(a.start[i + 1]); ++e) {
      const double term = a.value[e] * v[static_cast<size_t>(a.column[e])];
      row += term;
      row_size += std::abs(term);
    }
    value += v[i] * row;
    size += std::abs(v[i]) * row_size;
  }
  const double error = 1.1 * kUnit * (static_cast<double>(longest) + static_cast<double>(v.size()) + 8) * size;
  return sign * value > error;
}

}  // namespace

std::vector<int32_t> Partners(const SparseMatrix& a) {
  constexpr double kWeak = 0.01;
  std::vector<int32_t> partner(static_cast<size_t>(a.n));
  std::iota(partner.begin(), partner.end(), 0);
  for (size_t i = 0; i < partner.size(); ++i) {
    if (partner[i] != static_cast<int32_t>(i)) continue;
    double strongest = 0, free = 0;
    auto best = static_cast<int32_t>(i);
    for (auto e = static_cast<size_t>(a.start[i]); e < static_cast<size_t>(a.start[i + 1]); ++e) {
      const auto j = static_cast<size_t>(a.column[e]);
      const double size = std::abs(a.value[e]);
      if (j == i) continue;
      strongest = std::max(strongest, size);
      if (size > free && partner[j] == static_cast<int32_t>(j)) free = size, best = static_cast<int32_t>(j);
    }
    if (std::abs(a.Diagonal(static_cast<int64_t>(i))) >= kWeak * strongest) continue;
    partner[i] = best;
    partner[static_cast<size_t>(best)] = static_cast<int32_t>(i);
  }
  return partner;
}

namespace {

std::string TooLarge(const FrontTree& tree, const SparseLimits& limits) {
  const auto bytes = static_cast<double>(tree.peak_values()) * sizeof(double);
  if (bytes > static_cast<double>(limits.factor_bytes) || tree.operations() > limits.operations)
    return fmt::format("the factor of A would take {:.1f} GiB and {:.1e} operations; the limits are {:.1f} and {:.0e}",
                       bytes / (1 << 30), tree.operations(), static_cast<double>(limits.factor_bytes) / (1 << 30),
                       limits.operations);
  return "";
}

bool TryDefinite(const SparseProblem& p, const FrontTree& tree, const Norms& norms, double sign, SparseOutcome& out) {
  // LDL' with positive D errs by at most γ |L||D||L'|, whose entries are at most sqrt(a_ii a_jj); u ‖A‖ for entries
  // that were rounded when they were read.
  const double gamma = 2 * static_cast<double>(tree.longest_row() + 4) * kUnit;
  const double bound = std::min(norms.trace, tree.DiagonalBound(p.a));
  const double shift = 1.02 * (gamma / (1 - gamma) * bound + kUnit * norms.frobenius);
  const SparseFactor factor(p.a, tree, sign, -shift, Pivoting::kNone);
  if (!factor.complete()) return false;
  DenseSolution s{.kind = sign > 0 ? Kind::kUniqueMinimum : Kind::kUniqueMaximum};
  (sign > 0 ? s.inertia.positive : s.inertia.negative) = p.a.n;
  FindPoint(p, factor, sign, norms.frobenius, s);
  out.solution = std::move(s);
  return true;
}

void TryIndefinite(const SparseProblem& p, const FrontTree& tree, const Norms& norms, SparseOutcome& out) {
  constexpr int kAttempts = 3;
  constexpr double kMostShift = 1e-6;  // of ‖A‖: beyond it the answer would say little
  const auto error = [](int64_t longest_row) { return 1.05 * static_cast<double>(longest_row + 500) * kUnit; };
  double shift = 8 * error(tree.longest_row()) * norms.rows + kUnit * norms.frobenius;
  const auto bound = [&](const SparseFactor& factor) {
    const SparseFactor::Growth growth = factor.GrowthBound();
    return 1.02 * (error(growth.longest_row) * (norms.rows + shift + growth.bound) + kUnit * norms.frobenius);
  };
  for (int attempt = 0; attempt < kAttempts && shift <= kMostShift * norms.rows; ++attempt) {
    const SparseFactor below(p.a, tree, 1, -shift, Pivoting::kDelayed);
    const double error_below = below.complete() ? bound(below) : INFINITY;
    if (!(error_below < shift)) {
      shift = std::isfinite(error_below) ? 2 * error_below : 64 * shift;
      continue;
    }
    const Inertia first = below.inertia();
    const SparseFactor above(p.a, tree, 1, shift, Pivoting::kDelayed);
    const double error_above = above.complete() ? bound(above) : INFINITY;
    if (!(error_above < shift)) {
      shift = std::isfinite(error_above) ? 2 * error_above : 64 * shift;
      continue;
    }
    const Inertia second = above.inertia();
    if (first.positive != second.positive || first.negative != second.negative) {
      out.near_zero = first.negative - second.negative;
      out.near_zero_shift = shift;
      out.why_not = fmt::format("an eigenvalue of A is within {:.1e} of 0, too close to tell its sign", 2 * shift);
      return;
    }
    DenseSolution s{
        .kind = KindOf(first, true), .inertia = first, .margin = shift - std::max(error_below, error_above)};
    FindPoint(p, above, 1, norms.frobenius, s);
    if (s.kind == Kind::kSaddle) {
      std::vector<double> down = above.DirectionOf(-1), up = above.DirectionOf(1);
      if (HasSign(p.a, down, -1)) out.descent = std::move(down);
      if (HasSign(p.a, up, 1)) out.ascent = std::move(up);
    }
    out.solution = std::move(s);
    return;
  }
  out.why_not = "the pivots of A are too small for a certificate in double precision";
}

}  // namespace

double SparseMatrix::Diagonal(int64_t i) const {
  const auto begin = column.begin() + start[static_cast<size_t>(i)],
             end = column.begin() + start[static_cast<size_t>(i) + 1];
  const auto at = std::lower_bound(begin, end, static_cast<int32_t>(i));
  return at != end && *at == i ? value[static_cast<size_t>(at - column.begin())] : 0;
}

void SparseMatrix::Multiply(const std::vector<double>& x, std::vector<double>& y) const {
  y.resize(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    double sum = 0;
    for (auto e = static_cast<size_t>(start[i]); e < static_cast<size_t>(start[i + 1]); ++e)
      sum += value[e] * x[static_cast<size_t>(column[e])];
    y[i] = sum;
  }
}

void RequireQuadratic(const SparseProblem& p) {
  const SparseMatrix& a = p.a;
  const auto n = static_cast<size_t>(a.n);
  if (a.n < 1 || a.start.size() != n + 1 || a.column.size() != a.value.size())
    FailInput("dimension", "quadratic: A has no rows, or its parts do not fit each other");
  if (p.b.size() != n) FailInput("dimension", "quadratic: b has {} values but A is {} × {}", p.b.size(), n, n);
  const auto finite = [](double value) { return std::isfinite(value); };
  if (!std::ranges::all_of(a.value, finite) || !std::ranges::all_of(p.b, finite) || !finite(p.c))
    FailInput("not-finite", "quadratic: a value is not a finite number");
  bool all_zero = true;
  std::vector<int64_t> next(a.start.begin(), a.start.end() - 1);  // in each row, what its column has not yet mirrored
  for (size_t i = 0; i < n; ++i)
    for (auto e = static_cast<size_t>(a.start[i]); e < static_cast<size_t>(a.start[i + 1]); ++e) {
      const auto j = static_cast<size_t>(a.column[e]);
      all_zero = all_zero && a.value[e] == 0;
      const auto mirror = static_cast<size_t>(next[j]);
      const bool there = mirror < static_cast<size_t>(a.start[j + 1]) && a.column[mirror] == static_cast<int32_t>(i);
      if (!there || a.value[mirror] != a.value[e])
        FailInput("not-symmetric", "quadratic: A is not symmetric: row {}, column {} is {} but row {}, column {} is {}",
                  i + 1, j + 1, a.value[e], j + 1, i + 1, there ? a.value[mirror] : 0.0);
      ++next[j];
    }
  if (all_zero)
    FailInput("zero-matrix", "quadratic: A is zero, so f is linear and has no extremum unless it is constant");
}

SparseOutcome SolveSparse(const SparseProblem& p, const SparseLimits& limits) {
  RequireQuadratic(p);
  SparseOutcome out;
  const Norms norms = NormsOf(p.a);
  bool above = true, below = true;  // a definite matrix has a diagonal of one sign
  for (int64_t i = 0; i < p.a.n; ++i) {
    const double d = p.a.Diagonal(i);
    above = above && d > 0;
    below = below && d < 0;
  }
  std::vector<int32_t> alone(static_cast<size_t>(p.a.n));
  std::iota(alone.begin(), alone.end(), 0);
  if (above || below) {
    const FrontTree tree(p.a, alone);
    out.factor_values = tree.values();
    out.why_not = TooLarge(tree, limits);
    if (!out.why_not.empty() || TryDefinite(p, tree, norms, above ? 1 : -1, out)) return out;
  }
  const FrontTree tree(p.a, Partners(p.a));
  out.factor_values = tree.values();
  out.why_not = TooLarge(tree, limits);
  if (out.why_not.empty()) TryIndefinite(p, tree, norms, out);
  return out;
}

}  // namespace tessera::math::quadratic
