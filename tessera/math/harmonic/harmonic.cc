#include "tessera/math/harmonic/harmonic.h"

#if __has_include(<flint/bernoulli.h>)
#include <flint/bernoulli.h>
#else
#include <bernoulli.h>
#endif

#include <cmath>

#include "tessera/math/errors.h"

namespace tessera::math::harmonic {
namespace {

// Whether the smallest term of the expansion, about e^(-2πn), is below 2^-precision, with room to stop early.
bool ExpansionReaches(int64_t n, int64_t precision) {
  return 2 * 3.14159 * static_cast<double>(n) * 1.4426 * 0.5 > static_cast<double>(precision) + 32;
}

}  // namespace

bool Count::IsSmall(int64_t limit) const {
  if (base_ <= Integer(1) || exponent_ == Integer(1)) return base_ <= Integer(limit);
  return exponent_ < Integer(64) && Power(base_, static_cast<uint64_t>(exponent_.ToInt64())) <= Integer(limit);
}

int64_t Count::ToInt64() const {
  return base_ <= Integer(1) ? base_.ToInt64() : Power(base_, static_cast<uint64_t>(exponent_.ToInt64())).ToInt64();
}

Ball Count::Log(int64_t precision) const {
  const int64_t working = precision + exponent_.bits() + 64;
  Ball result;
  arb_log_fmpz(result.raw(), base_.raw(), working);
  arb_mul_fmpz(result.raw(), result.raw(), exponent_.raw(), working);
  return result;
}

Ball Count::Inverse(int64_t precision) const {
  Ball result;
  arb_set_fmpz(result.raw(), base_.raw());
  if (exponent_ == Integer(1)) {
    arb_ui_div(result.raw(), 1, result.raw(), precision);
  } else {  // as exp(-ln n), whose radius is relative: tiny numbers stay cheap
    result = Log(precision);
    arb_neg(result.raw(), result.raw());
    arb_exp(result.raw(), result.raw(), precision);
  }
  return result;
}

Count ParseHarmonicCount(std::string_view text) {
  constexpr int64_t kWrittenOut = 1 << 16;  // bits up to which a power is written out
  if (text.find_first_of("./") != std::string_view::npos) {
    ParseRational(text, "n");
    FailInput("domain", "harmonic: n = {} is not a whole number", text.substr(0, 60));
  }
  const size_t caret = text.find('^');
  if (caret == std::string_view::npos) {
    Integer value = ParseInteger(text, "n", int64_t{1} << 23);
    if (value.sign() < 0)
      FailInput("domain", "harmonic: n = {} is negative; H_n is for n = 0, 1, 2, …", text.substr(0, 60));
    return value;
  }
  const Integer base = ParseInteger(text.substr(0, caret), "n", kWrittenOut);
  std::string_view above = text.substr(caret + 1);
  const Integer exponent = ParseInteger(above, "n", 1 << 12);
  if (base.sign() < 0)
    FailInput("domain", "harmonic: n = {} is negative; H_n is for n = 0, 1, 2, …", text.substr(0, 60));
  if (exponent.sign() < 0) FailInput("domain", "harmonic: n = {} is not a whole number", text.substr(0, 60));
  if (exponent.sign() == 0) return Count(1);
  if (base <= Integer(1)) return Count(base);
  if (!exponent.FitsInt64() || exponent.ToInt64() > kWrittenOut / base.bits()) return Count(base, exponent);
  return Count(Power(base, static_cast<uint64_t>(exponent.ToInt64())));
}

Rational Exact(int64_t n) {
  if (n < 0) FailInput("domain", "harmonic: n = {} is negative; H_n is for n = 0, 1, 2, …", n);
  if (n > kMaxExact)
    FailInput("too-large", "harmonic: the exact fraction goes to n = {}; ask for digits instead", kMaxExact);
  Rational result;
  fmpq_harmonic_ui(result.raw(), static_cast<ulong>(n));
  return result;
}

Rational Coefficient(int64_t k) {
  if (k < 1 || k > 100'000) FailInput("domain", "harmonic: coefficient {} is not within 1 … 100,000", k);
  Rational bernoulli;
  bernoulli_fmpq_ui(bernoulli.raw(), static_cast<ulong>(2 * k));
  return -bernoulli / Rational(2 * k);
}

Expansion Expand(const Count& n, int64_t terms, int64_t precision) {
  const int64_t working = precision + 32;
  Expansion result;
  result.value = n.Log(working);
  Ball gamma, inverse = n.Inverse(working), power, half, square;
  arb_const_euler(gamma.raw(), working);
  arb_add(result.value.raw(), result.value.raw(), gamma.raw(), working + 64);
  arb_mul_2exp_si(half.raw(), inverse.raw(), -1);
  arb_add(result.value.raw(), result.value.raw(), half.raw(), working + 64);
  arb_mul(square.raw(), inverse.raw(), inverse.raw(), working);
  arb_set_ui(power.raw(), 1);
  for (int64_t k = 1; k <= terms + 1; ++k) {
    arb_mul(power.raw(), power.raw(), square.raw(), working);
    Ball term(Coefficient(k), working);
    arb_mul(term.raw(), term.raw(), power.raw(), working);
    if (k <= terms) {
      arb_add(result.value.raw(), result.value.raw(), term.raw(), working + 64);
    } else {
      result.next_term = term;
    }
  }
  return result;
}

Ball Enclose(const Count& n, int64_t precision) {
  if (n.IsSmall(1'000'000) && !ExpansionReaches(n.ToInt64(), precision))
    return Ball(Exact(n.ToInt64()), precision + 32);
  // Terms fall by about (k/(πn))² each; the first below 2^-precision ends the sum, and bounds the rest.
  const double bits = std::max(1.0, n.Log(64).ToDouble() / 0.6931);
  int64_t terms = 0;
  double size = 0;  // log2 of the last term
  while (size > -static_cast<double>(precision) && terms < 100'000) {
    ++terms;
    const double k = static_cast<double>(terms);
    size = (std::lgamma(2 * k) - 2 * k * std::log(2 * 3.14159)) / 0.6931 + 1 - 2 * k * bits;
  }
  Expansion expansion = Expand(n, terms, precision);
  arb_add_error(expansion.value.raw(), expansion.next_term.raw());
  return expansion.value;
}

// H_n is near ln(n + 1/2) + γ, so n is near e^(x - γ) - 1/2, within 1 for every n. The candidates around it are
// compared with x in balls of growing precision, small ones as fractions, since H_n may equal x only there: for n > 1
// H_n is no whole number, and an equal fraction would have to be written with all of lcm(1 … n) in its denominator.
Integer LeastAbove(const Rational& x) {
  constexpr int64_t kSmall = 2000;
  if (x.sign() < 0) return 0;  // H_0 = 0 is above it
  if (x > Rational(kMaxThreshold)) FailInput("too-large", "harmonic: thresholds go to {}", kMaxThreshold);
  if (x < Rational(8)) {
    Rational sum = 0;
    for (int64_t n = 1; n < kSmall; ++n) {
      sum = sum + Rational(1, n);
      if (sum > x) return n;
    }
  }
  const auto above = [&](const Integer& n) {
    if (n <= Integer(200'000) && x.bits() > 4096) return Exact(n.ToInt64()) > x;
    for (int64_t precision = n.bits() + 96; precision < 64 * (n.bits() + x.bits() + 1024); precision *= 2) {
      Ball difference = Enclose(Count(n), precision);
      const Ball bound(x, precision + 32);
      arb_sub(difference.raw(), difference.raw(), bound.raw(), precision + 32);
      if (difference.is_positive()) return true;
      if (difference.is_negative()) return false;
    }
    FailUndecided("harmonic: whether H_n exceeds {} at n = {} is not decided", x.ToString().substr(0, 60),
                  n.ToString().substr(0, 60));
  };
  const int64_t working = static_cast<int64_t>(x.ToDouble() * 1.4427) + 96;
  Ball estimate(x, working), gamma;
  arb_const_euler(gamma.raw(), working);
  arb_sub(estimate.raw(), estimate.raw(), gamma.raw(), working);
  arb_exp(estimate.raw(), estimate.raw(), working);
  Integer n;
  arf_get_fmpz(n.raw(), arb_midref(estimate.raw()), ARF_RND_FLOOR);
  while (above(n)) n = n - Integer(1);
  while (!above(n)) n = n + Integer(1);
  return n;
}

}  // namespace tessera::math::harmonic
