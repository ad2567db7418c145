#include "tessera/math/calculus/series.h"

#include <algorithm>

#include "tessera/math/errors.h"

namespace tessera::math::calculus {

size_t FirstTerm(const Series& a) {
  size_t k = 0;
  while (k < a.size() && Sign(a[k]) == 0) ++k;
  return k;
}

int SignOf(const Series& a) {
  const size_t k = FirstTerm(a);
  return k < a.size() ? Sign(a[k]) : 0;
}

Series SeriesAlgebra::Constant(const Real& value) const {
  Series result(kTerms);
  result[0] = value;
  return result;
}

Series SeriesAlgebra::Sum(const Series& a, const Series& b, int sign) const {
  Series result(std::min(a.size(), b.size()));
  for (size_t k = 0; k < result.size(); ++k) result[k] = real_.Apply(sign > 0 ? Op::kAdd : Op::kSubtract, a[k], b[k]);
  return result;
}

Series SeriesAlgebra::Product(const Series& a, const Series& b) const {
  Series result(std::min(a.size(), b.size()));
  for (size_t k = 0; k < result.size(); ++k)
    for (size_t j = 0; j <= k; ++j) result[k] = Add(result[k], Mul(a[j], b[k - j]));
  return result;
}

// q_k = (a_(k+v) - Σ_(j<k) q_j b_(k-j+v))/b_v, v the order of b, which a must have as well
Series SeriesAlgebra::Quotient(const Series& a, const Series& b) const {
  const size_t v = FirstTerm(b);
  if (v >= b.size()) NotDecided();
  for (size_t k = 0; k < std::min(v, a.size()); ++k)
    if (Sign(a[k]) != 0) NotDecided();  // a pole
  if (a.size() <= v) NotDecided();
  Series result(std::min(a.size(), b.size()) - v);
  for (size_t k = 0; k < result.size(); ++k) {
    Real sum = a[k + v];
    for (size_t j = 0; j < k; ++j) sum = real_.Apply(Op::kSubtract, sum, Mul(result[j], b[k - j + v]));
    result[k] = Div(sum, b[v]);
  }
  return result;
}

Series SeriesAlgebra::Scaled(const Series& a, const Real& factor) const {
  Series result = a;
  for (Real& value : result) value = Mul(value, factor);
  return result;
}

Series SeriesAlgebra::Derivative(const Series& a) const {
  Series result(a.size() > 0 ? a.size() - 1 : 0);
  for (size_t k = 0; k < result.size(); ++k) result[k] = Mul(a[k + 1], static_cast<int64_t>(k + 1));
  return result;
}

Series SeriesAlgebra::Integral(const Series& a, const Real& constant) const {
  Series result(std::min(a.size() + 1, kTerms));
  result[0] = constant;
  for (size_t k = 1; k < result.size(); ++k) result[k] = Div(a[k - 1], static_cast<int64_t>(k));
  return result;
}

// y = a^c:  a y' = c a' y, so  k a_0 y_k = Σ_(j=1..k) (c j - (k - j)) a_j y_(k-j). If a begins with a_v s^v, v c must
// be a whole number: y begins with s^(vc).
Series SeriesAlgebra::Power(const Series& a, const Real& exponent) const {
  const size_t v = FirstTerm(a);
  if (v >= a.size()) {
    if (Sign(exponent) <= 0) NotDecided();
    // a is zero as far as it is known: so is the power, but not as far
    const auto known =
        static_cast<size_t>(std::min(static_cast<double>(a.size()) * exponent.ToDouble(), static_cast<double>(kTerms)));
    return Series(std::max<size_t>(known, 1));
  }
  size_t shift = 0;
  if (v > 0) {
    if (!exponent.is_exact()) NotDecided();
    const Rational order = exponent.exact() * Rational(static_cast<int64_t>(v));
    if (!order.is_integer() || order.sign() < 0) NotDecided();
    if (order >= Rational(static_cast<int64_t>(kTerms))) return Series(kTerms);
    shift = static_cast<size_t>(order.numerator().ToInt64());
  }
  if (Sign(a[v]) < 0 && !(exponent.is_exact() && exponent.exact().is_integer())) throw NoValueOnTheWay();
  const size_t known = a.size() - v;
  Series y(std::min(known + shift, kTerms));
  if (shift >= y.size()) return y;
  y[shift] = real_.Apply(Op::kPower, a[v], exponent);
  for (size_t k = 1; k + shift < y.size(); ++k) {
    Real sum = 0;
    for (size_t j = 1; j <= k; ++j) {
      const Real weight =
          real_.Apply(Op::kSubtract, Mul(exponent, static_cast<int64_t>(j)), static_cast<int64_t>(k - j));
      sum = Add(sum, Mul(weight, Mul(a[v + j], y[shift + k - j])));
    }
    y[shift + k] = Div(sum, Mul(a[v], static_cast<int64_t>(k)));
  }
  return y;
}

// y = e^a:  y' = a' y
Series SeriesAlgebra::Exp(const Series& a) const {
  Series y(a.size());
  y[0] = real_.Apply(Op::kExp, a[0]);
  for (size_t k = 1; k < y.size(); ++k) {
    Real sum = 0;
    for (size_t j = 1; j <= k; ++j) sum = Add(sum, Mul(static_cast<int64_t>(j), Mul(a[j], y[k - j])));
    y[k] = Div(sum, static_cast<int64_t>(k));
  }
  return y;
}

// s' = a' c,  c' = ±a' s
void SeriesAlgebra::SinCos(const Series& a, int sign, Series& s, Series& c) const {
  s.assign(a.size(), 0);
  c.assign(a.size(), 0);
  s[0] = real_.Apply(sign > 0 ? Op::kSinh : Op::kSin, a[0]);
  c[0] = real_.Apply(sign > 0 ? Op::kCosh : Op::kCos, a[0]);
  for (size_t k = 1; k < a.size(); ++k) {
    Real sine = 0, cosine = 0;
    for (size_t j = 1; j <= k; ++j) {
      const Real slope = Mul(static_cast<int64_t>(j), a[j]);
      sine = Add(sine, Mul(slope, c[k - j]));
      cosine = Add(cosine, Mul(slope, s[k - j]));
    }
    s[k] = Div(sine, static_cast<int64_t>(k));
    c[k] = Div(cosine, static_cast<int64_t>(k) * sign);
  }
}

Series SeriesAlgebra::PowerOf(const Series& a, const Series& b) const {
  const bool constant = std::all_of(b.begin() + 1, b.end(),
                                    [](const Real& value) { return value.is_exact() && value.exact().is_zero(); });
  if (constant) {
    if (b[0].is_exact() && b[0].exact().is_zero()) return Constant(1);
    return Power(a, b[0]);
  }
  if (Sign(a[0]) <= 0) {
    if (SignOf(a) < 0) throw NoValueOnTheWay();
    NotDecided();
  }
  return Exp(Product(b, Apply(Op::kLn, a, a)));
}

// The angle of (x, y): by atan(y/x) or by π/2 - atan(x/y), with the constant from the point itself.
Series SeriesAlgebra::ArcTangent2(const Series& y, const Series& x) const {
  if (Sign(y[0]) == 0 && Sign(x[0]) < 0 && SignOf(y) < 0) throw NoValueOnTheWay();  // it jumps from π to -π
  const Series slope = Sum(Product(x, Derivative(y)), Product(y, Derivative(x)), -1);
  const Series square = Sum(Product(x, x), Product(y, y), 1);
  return Integral(Quotient(slope, square), real_.Apply(Op::kAtan2, y[0], x[0]));
}

Series SeriesAlgebra::Apply(Op op, const Series& a, const Series& b) const {
  switch (op) {
    case Op::kAdd:
      return Sum(a, b, 1);
    case Op::kSubtract:
      return Sum(a, b, -1);
    case Op::kMultiply:
      return Product(a, b);
    case Op::kDivide:
      return Quotient(a, b);
    case Op::kNegate:
      return Scaled(a, -1);
    case Op::kPower:
      return PowerOf(a, b);
    case Op::kSqrt:
      return Power(a, Rational(1, 2));
    case Op::kExp:
      return Exp(a);
    case Op::kLn:
      return Integral(Quotient(Derivative(a), a), real_.Apply(Op::kLn, a[0]));
    case Op::kAtan:
      return Integral(Quotient(Derivative(a), Sum(Constant(1), Product(a, a), 1)), real_.Apply(Op::kAtan, a[0]));
    case Op::kAsin:
    case Op::kAcos: {
      const Series root = Power(Sum(Constant(1), Product(a, a), -1), Rational(1, 2));
      const Series slope = Quotient(Derivative(a), root);
      return Integral(op == Op::kAsin ? slope : Scaled(slope, -1), real_.Apply(op, a[0]));
    }
    case Op::kAbs:
      return Scaled(a, SignOf(a) < 0 ? -1 : 1);
    case Op::kMax:
    case Op::kMin: {
      const int sign = SignOf(Sum(a, b, -1));
      return (sign >= 0) == (op == Op::kMax) ? a : b;
    }
    case Op::kAtan2:
      return ArcTangent2(a, b);
    default:
      break;
  }
  Series sine, cosine;
  const bool hyperbolic = op == Op::kSinh || op == Op::kCosh || op == Op::kTanh;
  SinCos(a, hyperbolic ? 1 : -1, sine, cosine);
  if (op == Op::kSin || op == Op::kSinh) return sine;
  if (op == Op::kCos || op == Op::kCosh) return cosine;
  return Quotient(sine, cosine);
}

}  // namespace tessera::math::calculus
