#pragma once
// A real number as exactly as it is known: a fraction while that is possible, then a ball.

#include <optional>

#include "tessera/math/calculus/graph.h"
#include "tessera/math/number/ball.h"

namespace tessera::math::calculus {

class Real {
 public:
  Real() = default;
  Real(Rational value) : exact_(std::move(value)) {}  // NOLINT: a number is a number
  Real(int64_t value) : exact_(Rational(value)) {}    // NOLINT
  explicit Real(Ball ball) : exact_(std::nullopt), ball_(std::move(ball)) {}

  bool is_exact() const { return exact_.has_value(); }
  const Rational& exact() const { return *exact_; }
  Ball ToBall(int64_t precision) const { return exact_ ? Ball(*exact_, precision) : ball_; }
  double ToDouble() const { return exact_ ? exact_->ToDouble() : ball_.ToDouble(); }

 private:
  std::optional<Rational> exact_ = Rational(0);
  Ball ball_;
};

// The sign of `value`. Throws MathError, undecided, for a ball around zero; NotDecided says that from elsewhere.
int Sign(const Real& value);
[[noreturn]] void NotDecided();

// Operations as an Algebra of Rules, at one precision. Throws MathError "domain", no answer, where an operation has no
// real value: x/0, ln and sqrt of negative numbers, asin beyond 1, a negative number to a power that is no whole
// number, 0 to a negative power, atan2(0, 0), tan at its poles. x^0 is 1 for every x.
class RealAlgebra {
 public:
  using Value = Real;
  explicit RealAlgebra(int64_t precision) : precision_(precision) {}
  Real Number(int64_t value) const { return value; }
  Real Apply(Op op, const Real& a) const { return Apply(op, a, a); }
  Real Apply(Op op, const Real& a, const Real& b) const;
  int64_t precision() const { return precision_; }

 private:
  int64_t precision_;
  Real Exactly(Op op, const Rational& a, const Rational& b, bool& done) const;
  Real PowerOf(const Real& a, const Real& b) const;
};

// The value of every node at a point; an error names the smallest part that has none. `point` gives the variables in
// the graph's order.
std::vector<Real> EvaluateAll(const Graph& graph, NodeId root, const std::vector<Rational>& point, int64_t precision);

}  // namespace tessera::math::calculus
