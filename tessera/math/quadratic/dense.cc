#include "tessera/math/quadratic/dense.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "tessera/core/thread_pool.h"
#include "tessera/math/errors.h"
#include "tessera/math/numeric/lapack.h"
#include "tessera/math/quadratic/vectors.h"

namespace tessera::math::quadratic {
namespace {

constexpr double kUnit = 0x1p-53;
constexpr char kTriangle = 'L';  // of column-major storage: the upper one of our rows, which is left as it was

using Solver = std::function<void(std::vector<double>&)>;  // x <- (A ± cI)^-1 x, approximately

struct Norms {
  double trace = 0, frobenius = 0;  // Σ |a_ii|, sqrt Σ a_ij²
};

// Everything that is asked about A before work begins, in one pass over it: a pair of mirrored entries is met once.
// Throws as RequireQuadratic.
Norms Inspect(const DenseProblem& p) {
  constexpr int64_t kTile = 32;  // mirrored tiles stay in the nearest cache together
  const auto n = static_cast<size_t>(p.n);
  if (p.n < 1 || p.n > 40'000 || p.a.size() != n * n || p.b.size() != n) RequireQuadratic(p);
  struct Part {
    double squares = 0;
    bool right = true;
  };
  std::vector<Part> parts(static_cast<size_t>((p.n + kTile - 1) / kTile));
  ParallelFor(std::ssize(parts), [&](int64_t tile) {
    double lanes[kTile] = {};
    bool right = true;
    const auto i0 = static_cast<size_t>(tile * kTile), i1 = std::min(i0 + kTile, n);
    for (size_t j0 = 0; j0 <= i0; j0 += kTile)
      for (size_t i = i0; i < i1; ++i) {
        const double* row = &p.a[i * n + j0];
        const double* column = &p.a[j0 * n + i];
        const size_t count = std::min(j0 + kTile, i) - std::min(j0, i);
        for (size_t k = 0; k < count; ++k) {
          right &= row[k] == column[k * n];
          lanes[k] += row[k] * row[k];
        }
      }
    double squares = 0;
    for (const double lane : lanes) squares += 2 * lane;
    for (size_t i = i0; i < i1; ++i) squares += p.a[i * n + i] * p.a[i * n + i];
    parts[static_cast<size_t>(tile)] = {squares, right};
  });
  Norms norms;
  double sum = 0;
  bool right = true;
  for (const Part& part : parts) {
    sum += part.squares;
    right = right && part.right;
  }
  // Something is wrong, or tiny or huge numbers only look so: then each question is asked by itself.
  const bool b_finite = std::ranges::all_of(p.b, [](double value) { return std::isfinite(value); });
  if (!right || !std::isfinite(sum) || sum == 0 || !b_finite || !std::isfinite(p.c)) RequireQuadratic(p);
  for (size_t i = 0; i < n; ++i) norms.trace += std::abs(p.a[i * n + i]);
  norms.frobenius = std::sqrt(sum) * (1 + 1e-10);
  return norms;
}

// The other triangle keeps A while one holds the factor, so no copy of A is made; the diagonal is kept apart.
class Matrix {
 public:
  explicit Matrix(DenseProblem& p) : p_(p), n_(static_cast<size_t>(p.n)), diagonal_(n_) {
    for (size_t i = 0; i < n_; ++i) diagonal_[i] = p.a[i * n_ + i];
  }

  // Writes sign · A + shift · I to the triangle that LAPACK factors: rows j <= i of our storage mirror the columns.
  double* Prepare(double sign, double shift) {
    // A is symmetric, so at first there is nothing to write.
    if (sign == 1 && !used_) {
      for (size_t i = 0; i < n_; ++i) p_.a[i * n_ + i] = diagonal_[i] + shift;
      used_ = true;
      return p_.a.data();
    }
    used_ = true;
    constexpr int64_t kTile = 64;  // a transposition by tiles, for the caches' sake
    const auto n = static_cast<int64_t>(n_);
    ParallelFor((n + kTile - 1) / kTile, [&](int64_t tile) {
      const int64_t first = tile * kTile, last = std::min(first + kTile, n);
      for (int64_t j0 = first; j0 < n; j0 += kTile)
        for (int64_t i = first; i < last; ++i)
          for (int64_t j = std::max(j0, i + 1); j < std::min(j0 + kTile, n); ++j) {
            p_.a[static_cast<size_t>(i * n + j)] = sign * p_.a[static_cast<size_t>(j * n + i)];
          }
    });
    for (size_t i = 0; i < n_; ++i) p_.a[i * n_ + i] = sign * diagonal_[i] + shift;
    return p_.a.data();
  }

  // r = 2Ax + b from the triangle that was kept, with products of rows and columns at once.
  std::vector<double> Gradient(const std::vector<double>& x) const {
    std::vector<std::vector<double>> sums(kBlocks, std::vector<double>(n_));
    ParallelFor(static_cast<int64_t>(kBlocks), [&](int64_t block) {  // of rows with about equal numbers of entries
      const auto edge = [&](int64_t k) {
        return static_cast<size_t>(std::sqrt(static_cast<double>(k) / kBlocks) * static_cast<double>(n_));
      };
      AddRows(x, edge(block), block + 1 == kBlocks ? n_ : edge(block + 1), sums[static_cast<size_t>(block)]);
    });
    std::vector<double>& sum = sums[0];
    for (size_t block = 1; block < kBlocks; ++block)
      for (size_t i = 0; i < n_; ++i) sum[i] += sums[block][i];
    for (size_t i = 0; i < n_; ++i) sum[i] = 2 * sum[i] + p_.b[i];
    return std::move(sum);
  }

 private:
  static constexpr int64_t kBlocks = 16;

  // sum += A x, of the kept triangle's rows first … last - 1 and their mirror images.
  void AddRows(const std::vector<double>& x, size_t first, size_t last, std::vector<double>& sum) const {
    constexpr size_t kLanes = 8;  // sums side by side, for the vector units
    for (size_t i = first; i < last; ++i) {
      const double* row = &p_.a[i * n_];
      const double xi = x[i];
      double lanes[kLanes] = {};
      size_t j = 0;
      for (; j + kLanes <= i; j += kLanes)
        for (size_t l = 0; l < kLanes; ++l) {
          lanes[l] += row[j + l] * x[j + l];
          sum[j + l] += row[j + l] * xi;
        }
      double own = diagonal_[i] * xi;
      for (; j < i; ++j) {
        own += row[j] * x[j];
        sum[j] += row[j] * xi;
      }
      for (const double lane : lanes) own += lane;
      sum[i] += own;
    }
  }

  DenseProblem& p_;
  size_t n_;
  std::vector<double> diagonal_;
  bool used_ = false;
};

// x by the factor of a matrix close to A, then x -= (2A)^-1 (2Ax + b) while that helps. f = x'(2Ax + b)/2 + b'x/2 + c.
void FindPoint(const DenseProblem& p, const Matrix& matrix, const Solver& solve, double frobenius, DenseSolution& s) {
  constexpr int kMostRounds = 8;
  std::vector<double> gradient = p.b;
  s.x.assign(p.b.size(), 0);
  const double b_norm = Norm(p.b);
  double best = b_norm;
  for (int round = 0; round < kMostRounds; ++round) {
    std::vector<double> step = gradient, x = s.x;
    solve(step);
    for (size_t i = 0; i < x.size(); ++i) x[i] -= step[i] / 2;
    std::vector<double> next = matrix.Gradient(x);
    const double size = Norm(next);
    if (round > 0 && size >= best) break;
    const bool enough = size < 4 * kUnit * (2 * frobenius * Norm(x) + b_norm) || size > best / 4;
    s.x = std::move(x);
    gradient = std::move(next);
    best = size;
    if (round > 0 && enough) break;
    if (enough && best == 0) break;
  }
  s.residual = best / (2 * frobenius * Norm(s.x) + b_norm + 1e-300);
  s.value = (Dot(s.x, gradient) + Dot(p.b, s.x)) / 2 + p.c;
}

Inertia InertiaOf(const std::vector<double>& a, size_t n, const std::vector<int>& pivots) {
  Inertia inertia;
  const auto count = [&](double d) { ++(d > 0 ? inertia.positive : d < 0 ? inertia.negative : inertia.zero); };
  for (size_t i = 0; i < n; ++i) {
    if (pivots[i] > 0) {
      count(a[i * n + i]);
    } else {  // a block of two has one value of each sign
      ++inertia.positive;
      ++inertia.negative;
      ++i;
    }
  }
  return inertia;
}

std::optional<DenseSolution> TryDefinite(DenseProblem& p, Matrix& matrix, const Norms& norms, double sign) {
  const numeric::Lapack& lapack = numeric::FindLapack();
  const auto n = static_cast<double>(p.n);
  // Rump's bound (n + 1)u/(1 - (n + 1)u) · trace, and u ‖A‖ for entries that were rounded when they were read.
  const double shift = 1.01 * ((n + 2) * kUnit / (1 - (n + 2) * kUnit) * norms.trace + kUnit * norms.frobenius);
  const int size = static_cast<int>(p.n), one = 1;
  int info = 0;
  double* a = matrix.Prepare(sign, -shift);
  lapack.dpotrf(&kTriangle, &size, a, &size, &info);
  if (info != 0) return std::nullopt;
  DenseSolution s{.kind = sign > 0 ? Kind::kUniqueMinimum : Kind::kUniqueMaximum, .margin = 0};
  (sign > 0 ? s.inertia.positive : s.inertia.negative) = p.n;
  FindPoint(
      p, matrix,
      [&](std::vector<double>& x) {
        int ignored = 0;
        lapack.dpotrs(&kTriangle, &size, &one, a, &size, x.data(), &size, &ignored);
        for (double& value : x) value *= sign;
      },
      norms.frobenius, s);
  return s;
}

std::optional<DenseSolution> TryIndefinite(DenseProblem& p, Matrix& matrix, const Norms& norms) {
  const numeric::Lapack& lapack = numeric::FindLapack();
  const int size = static_cast<int>(p.n), one = 1;
  const double shift = 50 * std::sqrt(static_cast<double>(p.n)) * static_cast<double>(p.n) * kUnit * norms.frobenius;
  std::vector<int> pivots(static_cast<size_t>(p.n));
  int length = -1, info = 0;
  double wanted = 0;
  lapack.dsytrf(&kTriangle, &size, p.a.data(), &size, pivots.data(), &wanted, &length, &info);
  length = static_cast<int>(wanted);
  std::vector<double> work(static_cast<size_t>(length));
  Inertia found[2];
  double* a = nullptr;
  for (int i = 0; i < 2; ++i) {
    a = matrix.Prepare(1, i == 0 ? -shift : shift);
    lapack.dsytrf(&kTriangle, &size, a, &size, pivots.data(), work.data(), &length, &info);
    if (info != 0) return std::nullopt;
    found[i] = InertiaOf(p.a, static_cast<size_t>(p.n), pivots);
  }
  if (found[0].positive != found[1].positive || found[0].negative != found[1].negative) return std::nullopt;
  DenseSolution s{.kind = KindOf(found[0], true), .inertia = found[0], .margin = shift};
  FindPoint(
      p, matrix,
      [&](std::vector<double>& x) {
        int ignored = 0;
        lapack.dsytrs(&kTriangle, &size, &one, a, &size, pivots.data(), x.data(), &size, &ignored);
      },
      norms.frobenius, s);
  return s;
}

}  // namespace

void RequireQuadratic(const DenseProblem& p) {
  const auto n = static_cast<size_t>(p.n);
  if (p.n < 1 || p.n > 40'000 || p.a.size() != n * n)
    FailInput("dimension", "quadratic: A has {} values and is not {} × {}, or n exceeds 40,000", p.a.size(), n, n);
  if (p.b.size() != n) FailInput("dimension", "quadratic: b has {} values but A is {} × {}", p.b.size(), n, n);
  const auto finite = [](double value) { return std::isfinite(value); };
  if (!std::ranges::all_of(p.a, finite) || !std::ranges::all_of(p.b, finite) || !finite(p.c))
    FailInput("not-finite", "quadratic: a value is not a finite number");
  const bool all_zero = std::ranges::all_of(p.a, [](double value) { return value == 0; });
  constexpr size_t kTile = 64;  // of columns read along with rows, for the caches' sake
  for (size_t i0 = 0; i0 < n; i0 += kTile)
    for (size_t j0 = 0; j0 <= i0; j0 += kTile)
      for (size_t i = i0; i < std::min(i0 + kTile, n); ++i)
        for (size_t j = j0; j < std::min(j0 + kTile, i); ++j)
          if (p.a[i * n + j] != p.a[j * n + i])
            FailInput("not-symmetric",
                      "quadratic: A is not symmetric: row {}, column {} is {} but row {}, column {} is {}", i + 1,
                      j + 1, p.a[i * n + j], j + 1, i + 1, p.a[j * n + i]);
  if (all_zero)
    FailInput("zero-matrix", "quadratic: A is zero, so f is linear and has no extremum unless it is constant");
}

std::optional<DenseSolution> SolveDense(DenseProblem p) {
  const Norms norms = Inspect(p);
  Matrix matrix(p);
  bool above = true, below = true;  // a definite matrix has a diagonal of one sign
  for (size_t i = 0; i < static_cast<size_t>(p.n); ++i) {
    const double d = p.a[i * static_cast<size_t>(p.n) + i];
    above = above && d > 0;
    below = below && d < 0;
  }
  if (above || below)
    if (auto solution = TryDefinite(p, matrix, norms, above ? 1 : -1)) return solution;
  return TryIndefinite(p, matrix, norms);
}

}  // namespace tessera::math::quadratic
