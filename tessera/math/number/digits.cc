#include "tessera/math/number/digits.h"

#include <cmath>
#include <functional>

#include "tessera/math/errors.h"

namespace tessera::math {
namespace {

// From this precision on an enclosure that decides nothing is given up: beyond what any digits asked for need.
int64_t GiveUpAt(int64_t digits) { return 64 * 1024 + 8 * BitsForDigits(digits); }

// m · 10^exponent, where m has exactly `digits` digits.
std::string Layout(const Integer& m, int64_t exponent, int64_t digits) {
  std::string text = m.ToString();
  const bool negative = text.starts_with('-');
  if (negative) text.erase(0, 1);
  const int64_t leading = exponent + digits - 1;  // the power of ten of the first digit
  std::string out;
  if (leading >= 0 && leading < std::max<int64_t>(digits, 22)) {
    if (exponent >= 0) {
      out = text + std::string(static_cast<size_t>(exponent), '0');
    } else {
      out = text.substr(0, static_cast<size_t>(leading + 1)) + "." + text.substr(static_cast<size_t>(leading + 1));
    }
  } else if (leading < 0 && leading >= -6) {
    out = "0." + std::string(static_cast<size_t>(-leading - 1), '0') + text;
  } else {
    out = text.substr(0, 1) + (digits > 1 ? "." + text.substr(1) : "") +
          fmt::format("e{}{}", leading < 0 ? "" : "+", leading);
  }
  return (negative ? "-" : "") + out;
}

// value · 10^power
Rational ScaledBy(const Rational& value, int64_t power) {
  const Integer ten = Power(Integer(10), static_cast<uint64_t>(std::abs(power)));
  return power >= 0 ? value * Rational(ten) : value / Rational(ten);
}

Integer RoundTiesToEven(const Rational& value) {
  Integer floor, twice;
  fmpz_fdiv_qr(floor.raw(), twice.raw(), fmpq_numref(value.raw()), fmpq_denref(value.raw()));
  fmpz_mul_2exp(twice.raw(), twice.raw(), 1);
  const int half = fmpz_cmp(twice.raw(), fmpq_denref(value.raw()));
  return half > 0 || (half == 0 && !floor.is_even()) ? floor + Integer(1) : floor;
}

void RequireDigits(int64_t digits) {
  if (digits < 1 || digits > kMaxDigits) FailInput("domain", "digits: {} is not within 1 … {}", digits, kMaxDigits);
}

}  // namespace

int64_t BitsForDigits(int64_t digits) {
  return static_cast<int64_t>(std::ceil(static_cast<double>(digits) * 3.3219281)) + 16;
}

std::string Digits(const Rational& value, int64_t digits) {
  RequireDigits(digits);
  if (value.is_zero()) return "0";
  // Bits give the power of ten to within one; the rounded number says which.
  const double bits = static_cast<double>(value.numerator().bits() - value.denominator().bits());
  int64_t exponent = static_cast<int64_t>(std::floor(bits * 0.30102999566)) - digits;
  const Integer limit = Power(Integer(10), static_cast<uint64_t>(digits));
  for (;; ++exponent) {
    const Integer m = RoundTiesToEven(ScaledBy(value, -exponent));
    if (fmpz_cmpabs(m.raw(), limit.raw()) < 0) return Layout(m, exponent, digits);
  }
}

std::optional<std::string> TryDigits(const Ball& value, int64_t digits) {
  if (arb_is_zero(value.raw())) return "0";
  if (!value.is_finite() || value.contains_zero()) return std::nullopt;
  const int64_t precision = BitsForDigits(digits) + 64;
  // The power of ten of the last digit, from the midpoint; it may be one off, which the loop sees.
  Ball logarithm;
  arb_abs(logarithm.raw(), value.raw());
  const int64_t log_precision = 64 + fmpz_bits(ARF_EXPREF(arb_midref(value.raw())));
  arb_log_base_ui(logarithm.raw(), logarithm.raw(), 10, log_precision);
  Integer first;
  arf_get_fmpz(first.raw(), arb_midref(logarithm.raw()), ARF_RND_FLOOR);
  if (!first.FitsInt64() || std::abs(first.ToInt64()) > (int64_t{1} << 40)) return std::nullopt;
  const Integer limit = Power(Integer(10), static_cast<uint64_t>(digits));
  for (int64_t exponent = first.ToInt64() - digits; exponent < first.ToInt64() - digits + 3; ++exponent) {
    Ball scaled, scale;
    Integer power(std::abs(exponent));
    arb_set_ui(scale.raw(), 10);
    arb_pow_fmpz(scale.raw(), scale.raw(), power.raw(), precision);
    if (exponent > 0) {
      arb_div(scaled.raw(), value.raw(), scale.raw(), precision);
    } else {
      arb_mul(scaled.raw(), value.raw(), scale.raw(), precision);
    }
    Ball half;
    arb_set_d(half.raw(), 0.5);
    arb_add(scaled.raw(), scaled.raw(), half.raw(), precision);
    arb_floor(scaled.raw(), scaled.raw(), precision);
    Integer m;
    if (!arb_get_unique_fmpz(m.raw(), scaled.raw())) return std::nullopt;
    if (fmpz_cmpabs(m.raw(), limit.raw()) < 0) return Layout(m, exponent, digits);
  }
  return std::nullopt;
}

std::string CertifiedDigits(const std::function<Ball(int64_t)>& enclose, int64_t digits) {
  RequireDigits(digits);
  for (int64_t precision = BitsForDigits(digits) + 32; precision < GiveUpAt(digits); precision += precision / 2) {
    if (auto text = TryDigits(enclose(precision), digits)) return *text;
  }
  FailUndecided(
      "{} digits are not decided with {} bits of precision; the number may be zero, or lie midway between two "
      "decimals",
      digits, GiveUpAt(digits));
}

}  // namespace tessera::math
