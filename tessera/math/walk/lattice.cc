#include "tessera/math/walk/lattice.h"

#include <flint/fmpz_poly.h>

#include <cmath>
#include <cstdlib>

#include "tessera/math/errors.h"

namespace tessera::math::walk {
namespace {

class Polynomial {
 public:
  Polynomial() { fmpz_poly_init(value_); }
  Polynomial(const Polynomial&) = delete;
  Polynomial& operator=(const Polynomial&) = delete;
  ~Polynomial() { fmpz_poly_clear(value_); }
  fmpz_poly_struct* raw() { return value_; }
  void Set(int64_t k, const Integer& value) { fmpz_poly_set_coeff_fmpz(value_, k, value.raw()); }
  Integer At(int64_t k) const {
    Integer result;
    fmpz_poly_get_coeff_fmpz(result.raw(), value_, k);
    return result;
  }

 private:
  fmpz_poly_t value_;
};

void RequireLattice(int d, int64_t n, int64_t most = kMaxLatticeSteps) {
  if (d < 1 || d > 3) FailInput("domain", "lattice: d = {}; exact counts are for 1, 2 and 3 dimensions", d);
  if (n < 0) FailInput("domain", "lattice: {} steps; a walk has 0 or more", n);
  if (n > most) FailInput("too-large", "lattice: exact counts go to {} steps, not {}", most, n);
}

Integer Directions(int d, int64_t n) { return Power(Integer(2 * d), static_cast<uint64_t>(n)); }

// Paths of 2m steps that end where they began.
Integer WaysBack(int d, int64_t m) {
  const Integer line = Binomial(2 * m, m);
  if (d == 1) return line;
  if (d == 2) return line * line;
  Integer sum, square = 1, centre = 1;  // C(m, k)² and C(2k, k), by their recurrences
  Integer choose = 1;
  for (int64_t k = 0; k <= m; ++k) {
    square = choose * choose;
    sum = sum + square * centre;
    fmpz_mul_ui(choose.raw(), choose.raw(), static_cast<ulong>(m - k));
    fmpz_divexact_ui(choose.raw(), choose.raw(), static_cast<ulong>(k + 1));
    fmpz_mul_ui(centre.raw(), centre.raw(), static_cast<ulong>(2 * (2 * k + 1)));
    fmpz_divexact_ui(centre.raw(), centre.raw(), static_cast<ulong>(k + 1));
  }
  return line * sum;
}

// Paths of 2m steps that come back for the first time at their end, m = 0 … n/2: F = 1 - 1/U, in whole numbers.
void FirstReturnCounts(int d, int64_t n, Polynomial& counts) {
  const int64_t half = n / 2;
  Polynomial ways;
  for (int64_t m = 0; m <= half; ++m) ways.Set(m, WaysBack(d, m));
  fmpz_poly_inv_series(counts.raw(), ways.raw(), half + 1);
  fmpz_poly_neg(counts.raw(), counts.raw());
  counts.Set(0, 0);
}

// Paths of n steps on the plane to (x, y): N(n, x + y) N(n, x - y).
Integer PlanePaths(int64_t n, int64_t x, int64_t y) {
  if ((n - x - y) % 2 != 0) return 0;
  return Binomial(n, (n + x + y) / 2) * Binomial(n, (n + x - y) / 2);
}

}  // namespace

Rational LatticePoint(int64_t n, std::span<const int64_t> place) {
  const int d = static_cast<int>(place.size());
  RequireLattice(d, n);
  for (const int64_t x : place)
    if (x > n || x < -n) return 0;
  Integer paths;
  if (d == 1) {
    if ((n - place[0]) % 2 == 0) paths = Binomial(n, (n + place[0]) / 2);
  } else if (d == 2) {
    paths = PlanePaths(n, place[0], place[1]);
  } else {  // k of the steps are up or down
    for (int64_t k = std::abs(place[2]); k <= n; k += 2)
      paths = paths + Binomial(n, k) * Binomial(k, (k + place[2]) / 2) * PlanePaths(n - k, place[0], place[1]);
  }
  return Rational(paths, Directions(d, n));
}

Rational LatticeReturnAt(int d, int64_t n) {
  RequireLattice(d, n);
  return n % 2 == 0 ? Rational(WaysBack(d, n / 2), Directions(d, n)) : Rational(0);
}

Rational LatticeFirstReturn(int d, int64_t n) {
  RequireLattice(d, n);
  if (n == 0 || n % 2 != 0) return 0;
  Polynomial counts;
  FirstReturnCounts(d, n, counts);
  return Rational(counts.At(n / 2), Directions(d, n));
}

Rational LatticeReturnWithin(int d, int64_t n) {
  RequireLattice(d, n);
  Polynomial counts;
  FirstReturnCounts(d, n, counts);
  Integer sum;  // over the common denominator (2d)^(2 ⌊n/2⌋)
  for (int64_t m = 1; m <= n / 2; ++m) sum = sum * Directions(d, 2) + counts.At(m);
  return Rational(sum, Directions(d, n / 2 * 2));
}

Rational LatticeExpectedSites(int d, int64_t n) {
  RequireLattice(d, n);
  Polynomial counts;
  FirstReturnCounts(d, n, counts);
  const Integer square = Directions(d, 2);
  Integer none = 1, sum = 1, scale = 1;  // all over `scale`; none: P(no return so far)
  for (int64_t k = 1; k <= n; ++k) {
    if (k % 2 == 0) {
      none = none * square - counts.At(k / 2);
      sum = sum * square;
      scale = scale * square;
    }
    sum = sum + none;
  }
  return Rational(sum, scale);
}

// u_2m by recurrences in m, then f_2m = u_2m - Σ_(j<m) f_2j u_(2m-2j). All terms of the sums are positive.
std::vector<double> LatticeFirstReturns(int d, int64_t n) {
  RequireLattice(d, n, kMaxLatticeDoubles);
  const size_t half = static_cast<size_t>(n / 2);
  std::vector<double> u(half + 1), first(half + 1);
  u[0] = 1;
  double line = 1;
  for (size_t m = 1; m <= half; ++m) {
    const double k = static_cast<double>(m);
    line *= (2 * k - 1) / (2 * k);
    if (d == 3) {
      // m³ w_m = 2(2m-1)(10m²-10m+3) w_(m-1) - 36(m-1)(2m-1)(2m-3) w_(m-2),  u_2m = w_m / 36^m
      const double before = m >= 2 ? u[m - 2] / 36 : 0;
      u[m] =
          (2 * (2 * k - 1) * (10 * k * k - 10 * k + 3) * u[m - 1] - 36 * (k - 1) * (2 * k - 1) * (2 * k - 3) * before) /
          (36 * k * k * k);
    } else {
      u[m] = d == 1 ? line : line * line;
    }
  }
  for (size_t m = 1; m <= half; ++m) {
    double later = 0;
    for (size_t j = 1; j < m; ++j) later += first[j] * u[m - j];
    first[m] = u[m] - later;
  }
  return first;
}

}  // namespace tessera::math::walk
