#include "tessera/math/number/rational.h"

#include <cctype>

#include "tessera/math/errors.h"
#include "tessera/math/number/ball.h"

namespace tessera::math {
namespace {

[[noreturn]] void NotANumber(std::string_view text, std::string_view what) {
  FailInput("syntax", "{}: \"{}\" is not a number; write it like 3/5, 0.6 or 1e-3", what, text.substr(0, 60));
}

// Moves the digits at the front of `text` to `digits`; how many there were.
size_t TakeDigits(std::string_view& text, std::string& digits) {
  size_t count = 0;
  while (count < text.size() && std::isdigit(static_cast<unsigned char>(text[count]))) ++count;
  digits += text.substr(0, count);
  text.remove_prefix(count);
  return count;
}

constexpr int64_t kMaxExponent = 100'000;

// digits ["." digits] [e [sign] digits]
Rational Decimal(std::string_view text, std::string_view whole, std::string_view what) {
  std::string digits;
  const size_t before = TakeDigits(text, digits);
  int64_t exponent = 0;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    exponent = -static_cast<int64_t>(TakeDigits(text, digits));
  }
  if (before == 0 && exponent == 0) NotANumber(whole, what);
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    const bool negative = text.starts_with('-');
    if (negative || text.starts_with('+')) text.remove_prefix(1);
    std::string power;
    if (TakeDigits(text, power) == 0) NotANumber(whole, what);
    if (power.size() > 9) FailInput("too-large", "{}: the exponent of \"{}\" is too large", what, whole.substr(0, 60));
    exponent += negative ? -std::stoll(power) : std::stoll(power);
  }
  if (!text.empty()) NotANumber(whole, what);
  if (exponent > kMaxExponent || exponent < -kMaxExponent || digits.size() > kMaxExponent)
    FailInput("too-large", "{}: \"{}\" has an exponent or digits beyond {}", what, whole.substr(0, 60), kMaxExponent);
  Integer mantissa;
  fmpz_set_str(mantissa.raw(), digits.c_str(), 10);
  const Integer scale = Power(Integer(10), static_cast<uint64_t>(exponent < 0 ? -exponent : exponent));
  return exponent < 0 ? Rational(mantissa, scale) : Rational(mantissa * scale);
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text;
}

}  // namespace

Rational::Rational(const Integer& numerator, const Integer& denominator) : Rational() {
  if (denominator.sign() == 0) FailInput("domain", "{}/0 is not a number", numerator.ToString().substr(0, 40));
  fmpq_set_fmpz_frac(value_, numerator.raw(), denominator.raw());
}

Integer Rational::numerator() const {
  Integer result;
  fmpz_set(result.raw(), fmpq_numref(value_));
  return result;
}

Integer Rational::denominator() const {
  Integer result;
  fmpz_set(result.raw(), fmpq_denref(value_));
  return result;
}

int64_t Rational::bits() const {
  return static_cast<int64_t>(fmpz_bits(fmpq_numref(value_)) + fmpz_bits(fmpq_denref(value_)));
}

std::string Rational::ToString() const { return is_integer() ? numerator().ToString() : ToFraction(); }
std::string Rational::ToFraction() const { return numerator().ToString() + "/" + denominator().ToString(); }

double Rational::ToDouble() const {
  arf_t nearest;
  arf_init(nearest);
  arf_fmpz_div_fmpz(nearest, fmpq_numref(value_), fmpq_denref(value_), 53, ARF_RND_NEAR);
  const double result = arf_get_d(nearest, ARF_RND_NEAR);
  arf_clear(nearest);
  return result;
}

Rational Rational::operator-() const {
  Rational result;
  fmpq_neg(result.value_, value_);
  return result;
}

Rational operator/(const Rational& a, const Rational& b) {
  if (b.is_zero()) FailNoAnswer("domain", "division by zero");
  return Rational::Apply(fmpq_div, a, b);
}

Rational Abs(const Rational& value) { return value.sign() < 0 ? -value : value; }

Rational Power(const Rational& value, int64_t exponent) {
  if (value.is_zero() && exponent < 0) FailNoAnswer("domain", "0 to the power {}", exponent);
  Rational result;
  fmpq_pow_si(result.raw(), value.raw(), exponent);
  return result;
}

Rational FromDouble(double value) {
  arf_t exact;
  arf_init(exact);
  arf_set_d(exact, value);
  Rational result;
  arf_get_fmpq(result.raw(), exact);
  arf_clear(exact);
  return result;
}

Rational ParseRational(std::string_view text, std::string_view what) {
  const std::string_view whole = Trim(text);
  std::string_view rest = whole;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  const size_t slash = rest.find('/');
  Rational value = Decimal(rest.substr(0, slash), whole, what);
  if (slash != std::string_view::npos) {
    const Rational below = Decimal(rest.substr(slash + 1), whole, what);
    if (below.is_zero()) FailInput("domain", "{}: {} divides by zero", what, whole.substr(0, 60));
    value = value / below;
  }
  return negative ? -value : value;
}

Rational ParseProbability(std::string_view text, std::string_view what) {
  Rational p = ParseRational(text, what);
  if (p.sign() < 0 || p > Rational(1))
    FailInput("domain", "{}: {} is not a probability, which lies in 0 … 1", what, text);
  return p;
}

}  // namespace tessera::math
