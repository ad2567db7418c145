#pragma once
// Power series in s with t = s^12, cut off: what OneSidedDerivative computes with.

#include <vector>

#include "tessera/math/calculus/number.h"

namespace tessera::math::calculus {

inline constexpr size_t kUnit = 12, kTerms = 4 * kUnit + 1;

// c[0] + c[1] s + …, known below s^size. At most kTerms are kept.
using Series = std::vector<Real>;

// Thrown inside when a part has no real value for small s > 0.
struct NoValueOnTheWay {};

class SeriesAlgebra {
 public:
  explicit SeriesAlgebra(int64_t precision) : real_(precision) {}
  Series Apply(Op op, const Series& a, const Series& b) const;
  Series Constant(const Real& value) const;

 private:
  RealAlgebra real_;

  Real Mul(const Real& a, const Real& b) const { return real_.Apply(Op::kMultiply, a, b); }
  Real Add(const Real& a, const Real& b) const { return real_.Apply(Op::kAdd, a, b); }
  Real Div(const Real& a, const Real& b) const { return real_.Apply(Op::kDivide, a, b); }

  Series Sum(const Series& a, const Series& b, int sign) const;
  Series Product(const Series& a, const Series& b) const;
  Series Quotient(const Series& a, const Series& b) const;
  Series Scaled(const Series& a, const Real& factor) const;
  Series Derivative(const Series& a) const;                      // by s
  Series Integral(const Series& a, const Real& constant) const;  // by s
  Series Power(const Series& a, const Real& exponent) const;     // a^exponent
  Series Exp(const Series& a) const;
  void SinCos(const Series& a, int sign, Series& sine, Series& cosine) const;  // sign +1: hyperbolic, -1: circular
  Series PowerOf(const Series& a, const Series& b) const;
  Series ArcTangent2(const Series& y, const Series& x) const;
};

// The place of the first term that is not zero; the size if there is none.
size_t FirstTerm(const Series& a);
// The sign for small s > 0. Throws undecided if all known terms are zero but the series is cut.
int SignOf(const Series& a);

}  // namespace tessera::math::calculus
