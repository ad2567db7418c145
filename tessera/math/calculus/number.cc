#include "tessera/math/calculus/number.h"

#include <cstdlib>

#include "tessera/math/calculus/print.h"
#include "tessera/math/errors.h"

namespace tessera::math::calculus {
namespace {

constexpr int64_t kLongFraction = 4096;  // bits beyond which a fraction becomes a ball

Real Short(Rational value, int64_t precision) {
  return value.bits() > kLongFraction + precision ? Real(Ball(value, precision + kLongFraction))
                                                  : Real(std::move(value));
}

using Unary = void (*)(arb_t, const arb_t, slong);

Unary FunctionOf(Op op) {
  switch (op) {
    case Op::kSin:
      return arb_sin;
    case Op::kCos:
      return arb_cos;
    case Op::kTan:
      return arb_tan;
    case Op::kAsin:
      return arb_asin;
    case Op::kAcos:
      return arb_acos;
    case Op::kAtan:
      return arb_atan;
    case Op::kSinh:
      return arb_sinh;
    case Op::kCosh:
      return arb_cosh;
    case Op::kTanh:
      return arb_tanh;
    case Op::kExp:
      return arb_exp;
    case Op::kLn:
      return arb_log;
    case Op::kSqrt:
      return arb_sqrt;
    default:
      return nullptr;
  }
}

// |x| <= 1, decided
bool WithinOne(const Real& x) {
  if (x.is_exact()) return Abs(x.exact()) <= Rational(1);
  Ball distance = x.ToBall(64);
  arb_abs(distance.raw(), distance.raw());
  arb_sub_ui(distance.raw(), distance.raw(), 1, 1 << 20);
  return Sign(Real(distance)) <= 0;
}

}  // namespace

int Sign(const Real& value) {
  if (value.is_exact()) return value.exact().sign();
  const Ball ball = value.ToBall(0);
  if (ball.is_positive()) return 1;
  if (ball.is_negative()) return -1;
  if (arb_is_zero(ball.raw())) return 0;
  NotDecided();
}

void NotDecided() { FailUndecided("whether a part of the expression is zero is not decided at this precision"); }

// What stays a fraction, and what has no value.
Real RealAlgebra::Exactly(Op op, const Rational& a, const Rational& b, bool& done) const {
  done = true;
  switch (op) {
    case Op::kAdd:
      return Short(a + b, precision_);
    case Op::kSubtract:
      return Short(a - b, precision_);
    case Op::kMultiply:
      return Short(a * b, precision_);
    case Op::kDivide:
      return Short(a / b, precision_);
    case Op::kNegate:
      return -a;
    case Op::kAbs:
      return Abs(a);
    case Op::kMax:
      return a < b ? b : a;
    case Op::kMin:
      return a < b ? a : b;
    case Op::kSqrt:
      if (a.sign() >= 0 && fmpz_is_square(fmpq_numref(a.raw())) && fmpz_is_square(fmpq_denref(a.raw()))) {
        Integer above, below;
        fmpz_sqrt(above.raw(), fmpq_numref(a.raw()));
        fmpz_sqrt(below.raw(), fmpq_denref(a.raw()));
        return Rational(above, below);
      }
      break;
    case Op::kSin:
    case Op::kTan:
    case Op::kAsin:
    case Op::kAtan:
    case Op::kSinh:
    case Op::kTanh:
      if (a.is_zero()) return 0;
      break;
    case Op::kCos:
    case Op::kCosh:
    case Op::kExp:
      if (a.is_zero()) return 1;
      break;
    case Op::kLn:
    case Op::kAcos:
      if (a == Rational(1)) return 0;
      break;
    case Op::kAtan2:
      if (a.is_zero() && b.sign() > 0) return 0;
      break;
    default:
      break;
  }
  done = false;
  return 0;
}

Real RealAlgebra::PowerOf(const Real& a, const Real& b) const {
  const bool whole = b.is_exact() && b.exact().is_integer() && b.exact().numerator().FitsInt64();
  if (whole) {
    const int64_t exponent = b.exact().numerator().ToInt64();
    if (exponent == 0) return 1;
    if (exponent < 0 && Sign(a) == 0) FailNoAnswer("domain", "0 to the power {}", exponent);
    if (a.is_exact() && std::abs(static_cast<double>(exponent)) * static_cast<double>(a.exact().bits()) < kLongFraction)
      return Power(a.exact(), exponent);
    Ball result = a.ToBall(precision_ + 64);
    const Integer power(exponent);
    arb_pow_fmpz(result.raw(), result.raw(), power.raw(), precision_ + 64);
    return Real(result);
  }
  const int sign = Sign(a);
  if (sign < 0) FailNoAnswer("domain", "a negative number to a power that is no whole number");
  if (sign == 0) {
    if (Sign(b) < 0) FailNoAnswer("domain", "0 to a negative power");
    return Sign(b) == 0 ? 1 : 0;
  }
  if (a.is_exact() && a.exact() == Rational(1)) return 1;
  if (b.is_exact() && b.exact() == Rational(1, 2)) return Apply(Op::kSqrt, a, a);
  Ball result = a.ToBall(precision_ + 64);
  const Ball exponent = b.ToBall(precision_ + 64);
  arb_pow(result.raw(), result.raw(), exponent.raw(), precision_ + 64);
  return Real(result);
}

Real RealAlgebra::Apply(Op op, const Real& a, const Real& b) const {
  switch (op) {  // what has no value
    case Op::kDivide:
      if (Sign(b) == 0) FailNoAnswer("domain", "division by zero");
      break;
    case Op::kLn:
      if (Sign(a) <= 0) FailNoAnswer("domain", "ln of {}", Sign(a) == 0 ? "zero" : "a negative number");
      break;
    case Op::kSqrt:
      if (Sign(a) < 0) FailNoAnswer("domain", "sqrt of a negative number");
      break;
    case Op::kAsin:
    case Op::kAcos:
      if (!WithinOne(a)) FailNoAnswer("domain", "{} beyond -1 … 1", FunctionName(op));
      break;
    case Op::kAtan2:
      if (Sign(a) == 0 && Sign(b) == 0) FailNoAnswer("domain", "atan2(0, 0)");
      break;
    case Op::kPower:
      return PowerOf(a, b);
    default:
      break;
  }
  if (a.is_exact() && b.is_exact()) {
    bool done = false;
    Real result = Exactly(op, a.exact(), b.exact(), done);
    if (done) return result;
  }
  const int64_t precision = precision_ + 64;
  Ball x = a.ToBall(precision), y = b.ToBall(precision);
  switch (op) {
    case Op::kAdd:
      arb_add(x.raw(), x.raw(), y.raw(), precision);
      break;
    case Op::kSubtract:
      arb_sub(x.raw(), x.raw(), y.raw(), precision);
      break;
    case Op::kMultiply:
      if ((a.is_exact() && a.exact().is_zero()) || (b.is_exact() && b.exact().is_zero())) return 0;
      arb_mul(x.raw(), x.raw(), y.raw(), precision);
      break;
    case Op::kDivide:
      if (a.is_exact() && a.exact().is_zero()) return 0;
      arb_div(x.raw(), x.raw(), y.raw(), precision);
      break;
    case Op::kNegate:
      arb_neg(x.raw(), x.raw());
      break;
    case Op::kAbs:
      return Sign(a) < 0 ? Apply(Op::kNegate, a, a) : a;
    case Op::kMax:
      arb_max(x.raw(), x.raw(), y.raw(), precision);
      break;
    case Op::kMin:
      arb_min(x.raw(), x.raw(), y.raw(), precision);
      break;
    case Op::kAtan2:
      arb_atan2(x.raw(), x.raw(), y.raw(), precision);
      break;
    default:
      FunctionOf(op)(x.raw(), x.raw(), precision);
  }
  if (!x.is_finite()) NotDecided();
  return Real(x);
}

std::vector<Real> EvaluateAll(const Graph& graph, NodeId root, const std::vector<Rational>& point, int64_t precision) {
  const RealAlgebra algebra(precision);
  std::vector<Real> values(static_cast<size_t>(root) + 1);
  for (NodeId id = 0; id <= root; ++id) {
    const Node& node = graph.node(id);
    Real& value = values[static_cast<size_t>(id)];
    switch (node.op) {
      case Op::kNumber:
        value = graph.number(node);
        break;
      case Op::kVariable:
        value = point[static_cast<size_t>(node.a)];
        break;
      case Op::kPi:
      case Op::kE: {
        Ball ball;
        (node.op == Op::kPi ? arb_const_pi : arb_const_e)(ball.raw(), precision + 64);
        value = Real(ball);
        break;
      }
      default:
        try {
          value = algebra.Apply(node.op, values[static_cast<size_t>(node.a)],
                                values[static_cast<size_t>(node.b >= 0 ? node.b : node.a)]);
        } catch (const MathError& error) {
          if (error.fault() != Fault::kNoAnswer) throw;
          std::string part;
          try {
            part = ToText(graph, id);
          } catch (const MathError&) {  // too long to write
          }
          if (part.empty() || part.size() > 200) part = std::string(FunctionName(node.op)) + "…";
          throw MathError(error.fault(), error.code(), fmt::format("{} has no value there: {}", part, error.what()));
        }
    }
  }
  return values;
}

}  // namespace tessera::math::calculus
