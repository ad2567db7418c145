#pragma once
// Real numbers known to lie within a certified distance of a midpoint: a value over Arb's arb. Functions that compute
// with balls call Arb on raw(); every one of them encloses the true value, whatever was rounded on the way.

#if __has_include(<flint/arb.h>)  // FLINT 3 took Arb in
#include <flint/arb.h>
#else
#include <arb.h>
#endif

#include <utility>

#include "tessera/math/number/rational.h"

namespace tessera::math {

class Ball {
 public:
  Ball() { arb_init(value_); }
  Ball(int64_t value) : Ball() { arb_set_si(value_, value); }  // NOLINT
  Ball(const Rational& value, int64_t precision) : Ball() { arb_set_fmpq(value_, value.raw(), precision); }
  Ball(const Ball& other) : Ball() { arb_set(value_, other.value_); }
  Ball(Ball&& other) noexcept : Ball() { arb_swap(value_, other.value_); }
  Ball& operator=(Ball other) noexcept {
    arb_swap(value_, other.value_);
    return *this;
  }
  ~Ball() { arb_clear(value_); }

  arb_struct* raw() { return value_; }
  const arb_struct* raw() const { return value_; }

  bool is_finite() const { return arb_is_finite(value_) != 0; }
  bool contains_zero() const { return arb_contains_zero(value_) != 0; }
  bool is_positive() const { return arb_is_positive(value_) != 0; }  // certainly
  bool is_negative() const { return arb_is_negative(value_) != 0; }
  double ToDouble() const { return arf_get_d(arb_midref(value_), ARF_RND_NEAR); }

 private:
  arb_t value_;
};

}  // namespace tessera::math
