#include "tessera/math/walk/law.h"

#include <cmath>

#include "tessera/math/errors.h"
#include "tessera/math/numeric/double_double.h"
#include "tessera/math/walk/line.h"

namespace tessera::math::walk {
namespace {

constexpr int64_t kMaxLawBits = int64_t{1} << 31;

using numeric::DoubleDouble;

DoubleDouble ToDoubleDouble(const Rational& value) {
  const double high = value.ToDouble();
  return {high, (value - FromDouble(high)).ToDouble()};
}

// value · 2^-exponent with 2^exponent the size of `value`, and that exponent.
struct Scaled {
  DoubleDouble value;
  int exponent = 0;
};

Scaled ModeProbability(int64_t n, int64_t mode, const Rational& p) {
  const Ball value = PointProbability(n, 2 * mode - n, p, 160);
  Rational exact;
  arf_get_fmpq(exact.raw(), arb_midref(value.raw()));
  return {ToDoubleDouble(exact), 0};  // the mode's probability is above 1/(n + 1): no danger of underflow
}

constexpr double kTiny = 0x1p-800, kRescue = 0x1p600;
constexpr int kRescueExponent = 600, kBelowEverything = -1200;

// Writes p(k ± 1), p(k ± 2) … from p(k) by p(k+1)/p(k) = (n-k)/(k+1) · odds, until everything left is zero.
void FillOutwards(Scaled start, int64_t n, int64_t mode, int direction, DoubleDouble odds, std::span<double> out) {
  DoubleDouble value = start.value;
  int exponent = start.exponent;
  for (int64_t k = mode + direction; k >= 0 && k <= n; k += direction) {
    const double above = static_cast<double>(direction > 0 ? n - k + 1 : k + 1);
    const double below = static_cast<double>(direction > 0 ? k : n - k);
    value = numeric::Divide(numeric::Multiply(numeric::Multiply(value, odds), above), below);
    if (value.high < kTiny) {
      if (value.high == 0 || exponent < kBelowEverything) return;
      value = {value.high * kRescue, value.low * kRescue};
      exponent -= kRescueExponent;
    }
    out[static_cast<size_t>(k)] = exponent == 0 ? value.high : std::ldexp(value.high, exponent);
  }
}

}  // namespace

ExactLaw::ExactLaw(int64_t n, const Rational& p) : n_(n), fair_(p == kFairP) {
  if (n < 0) FailInput("domain", "walk: {} steps; a walk has 0 or more", n);
  const double bits = static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(fair_ ? 1 : p.bits());
  if (n > kMaxExactLawSteps || bits > static_cast<double>(kMaxLawBits))
    FailInput("too-large",
              "walk: the exact law of {} steps does not fit; it goes to {:L} steps for p = 1/2. Leave out "
              "--exact, or ask for one place",
              n, kMaxExactLawSteps);
  const Integer up = fair_ ? Integer(1) : p.numerator(), down = fair_ ? Integer(1) : p.denominator() - p.numerator();
  denominator_ = Power(fair_ ? Integer(2) : p.denominator(), static_cast<uint64_t>(n));
  const int64_t last = fair_ ? n / 2 : n;
  weights_.resize(static_cast<size_t>(last) + 1);
  if (down.sign() == 0) {  // p = 1: all of it at the top
    weights_.back() = denominator_;
    return;
  }
  // w(k+1) = w(k) · (n-k) · up / ((k+1) · down), every division exact
  weights_[0] = Power(down, static_cast<uint64_t>(n));
  for (int64_t k = 0; k < last; ++k) {
    fmpz* next = weights_[static_cast<size_t>(k) + 1].raw();
    fmpz_mul_ui(next, weights_[static_cast<size_t>(k)].raw(), static_cast<ulong>(n - k));
    if (!fair_) fmpz_mul(next, next, up.raw());
    fmpz_divexact_ui(next, next, static_cast<ulong>(k + 1));
    if (!fair_) fmpz_divexact(next, next, down.raw());
  }
}

std::vector<double> Law(int64_t n, const Rational& p) {
  if (n < 0) FailInput("domain", "walk: {} steps; a walk has 0 or more", n);
  if (n > kMaxLawSteps)
    FailInput("too-large", "walk: the whole law goes to {:L} steps, not {:L}; ask for one place", kMaxLawSteps, n);
  std::vector<double> law(static_cast<size_t>(n) + 1);
  const Rational q = Rational(1) - p;
  if (p.is_zero() || q.is_zero()) {
    law[p.is_zero() ? 0 : static_cast<size_t>(n)] = 1;
    return law;
  }
  if (const double odds = (p / q).ToDouble(); !(odds > 0x1p-900 && odds < 0x1p900))
    FailInput("too-large", "walk: p is within 2^-900 of 0 or 1, where doubles do not hold the law; use --exact");
  Integer floor;  // ⌊(n+1)p⌋ is the most likely k
  const Rational centre = Rational(n + 1) * p;
  fmpz_fdiv_q(floor.raw(), fmpq_numref(centre.raw()), fmpq_denref(centre.raw()));
  const int64_t mode = std::min(floor.ToInt64(), n);
  const Scaled start = ModeProbability(n, mode, p);
  law[static_cast<size_t>(mode)] = start.value.high;
  FillOutwards(start, n, mode, +1, ToDoubleDouble(p / q), law);
  FillOutwards(start, n, mode, -1, ToDoubleDouble(q / p), law);
  return law;
}

}  // namespace tessera::math::walk
