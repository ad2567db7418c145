#pragma once
// Whole numbers of any size: a value over FLINT's fmpz.

#include <flint/fmpz.h>

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace tessera::math {

class Integer {
 public:
  Integer() { fmpz_init(value_); }
  Integer(int64_t value) { fmpz_init_set_si(value_, value); }  // NOLINT: a number is a number
  Integer(const Integer& other) { fmpz_init_set(value_, other.value_); }
  Integer(Integer&& other) noexcept {
    fmpz_init(value_);
    fmpz_swap(value_, other.value_);
  }
  Integer& operator=(Integer other) noexcept {
    fmpz_swap(value_, other.value_);
    return *this;
  }
  ~Integer() { fmpz_clear(value_); }

  fmpz* raw() { return value_; }  // for FLINT's own functions
  const fmpz* raw() const { return value_; }

  int sign() const { return fmpz_sgn(value_); }
  bool is_even() const { return fmpz_is_even(value_) != 0; }
  int64_t bits() const { return static_cast<int64_t>(fmpz_bits(value_)); }  // of |value|
  bool FitsInt64() const { return fmpz_fits_si(value_) != 0; }
  int64_t ToInt64() const { return fmpz_get_si(value_); }  // REQUIRES: FitsInt64()
  std::string ToString(int base = 10) const;

  friend Integer operator+(const Integer& a, const Integer& b) { return Apply(fmpz_add, a, b); }
  friend Integer operator-(const Integer& a, const Integer& b) { return Apply(fmpz_sub, a, b); }
  friend Integer operator*(const Integer& a, const Integer& b) { return Apply(fmpz_mul, a, b); }
  friend bool operator==(const Integer& a, const Integer& b) { return fmpz_equal(a.value_, b.value_) != 0; }
  friend std::strong_ordering operator<=>(const Integer& a, const Integer& b) {
    return fmpz_cmp(a.value_, b.value_) <=> 0;
  }

 private:
  template <typename Function>
  static Integer Apply(Function function, const Integer& a, const Integer& b) {
    Integer result;
    function(result.value_, a.value_, b.value_);
    return result;
  }

  fmpz_t value_;
};

Integer Power(const Integer& base, uint64_t exponent);
// n over k; 0 unless 0 <= k <= n.
Integer Binomial(int64_t n, int64_t k);

// "123", "-5", "1e6", "10^100", "10^(10^9)", "2^10 " — as people write large whole numbers. Throws MathError "syntax"
// for anything else, and "too-large" for a number beyond `max_bits` bits.
Integer ParseInteger(std::string_view text, std::string_view what, int64_t max_bits = 1 << 20);
// The same, where it must lie in low … high; throws MathError "domain" where it does not.
int64_t ParseCount(std::string_view text, std::string_view what, int64_t low, int64_t high);

}  // namespace tessera::math
