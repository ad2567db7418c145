#pragma once
// Fractions in lowest terms: a value over FLINT's fmpq.

#include <flint/fmpq.h>

#include <compare>
#include <string>
#include <string_view>

#include "tessera/math/number/integer.h"

namespace tessera::math {

class Rational {
 public:
  Rational() { fmpq_init(value_); }
  Rational(int64_t value) : Rational() { fmpq_set_si(value_, value, 1); }                      // NOLINT
  Rational(const Integer& value) : Rational() { fmpz_set(fmpq_numref(value_), value.raw()); }  // NOLINT
  // Throws MathError "domain" if `denominator` is 0.
  Rational(const Integer& numerator, const Integer& denominator);
  Rational(const Rational& other) : Rational() { fmpq_set(value_, other.value_); }
  Rational(Rational&& other) noexcept : Rational() { fmpq_swap(value_, other.value_); }
  Rational& operator=(Rational other) noexcept {
    fmpq_swap(value_, other.value_);
    return *this;
  }
  ~Rational() { fmpq_clear(value_); }

  fmpq* raw() { return value_; }
  const fmpq* raw() const { return value_; }
  Integer numerator() const;
  Integer denominator() const;

  int sign() const { return fmpq_sgn(value_); }
  bool is_zero() const { return fmpq_is_zero(value_) != 0; }
  bool is_integer() const { return fmpz_is_one(fmpq_denref(value_)) != 0; }
  int64_t bits() const;            // of the numerator and the denominator together
  std::string ToString() const;    // "22/5", "3"
  std::string ToFraction() const;  // "22/5", "3/1"
  double ToDouble() const;         // the nearest double, ties to even

  Rational operator-() const;
  friend Rational operator+(const Rational& a, const Rational& b) { return Apply(fmpq_add, a, b); }
  friend Rational operator-(const Rational& a, const Rational& b) { return Apply(fmpq_sub, a, b); }
  friend Rational operator*(const Rational& a, const Rational& b) { return Apply(fmpq_mul, a, b); }
  friend Rational operator/(const Rational& a, const Rational& b);  // throws MathError "domain" if b is 0
  friend bool operator==(const Rational& a, const Rational& b) { return fmpq_equal(a.value_, b.value_) != 0; }
  friend std::strong_ordering operator<=>(const Rational& a, const Rational& b) {
    return fmpq_cmp(a.value_, b.value_) <=> 0;
  }

 private:
  template <typename Function>
  static Rational Apply(Function function, const Rational& a, const Rational& b) {
    Rational result;
    function(result.value_, a.value_, b.value_);
    return result;
  }

  fmpq_t value_;
};

Rational Abs(const Rational& value);
// value^exponent; throws MathError "domain" for 0 to a negative power.
Rational Power(const Rational& value, int64_t exponent);
// The exact value of a finite double.
Rational FromDouble(double value);

// "3/5", "-0.25", "1e-3", "7": the exact value of what is written. Throws MathError "syntax" for anything else, and
// "too-large" for an exponent beyond ±100,000.
Rational ParseRational(std::string_view text, std::string_view what);
// The same, where it must be a probability; throws MathError "domain" outside 0 … 1.
Rational ParseProbability(std::string_view text, std::string_view what);

}  // namespace tessera::math
