#pragma once
// What a function does on the way out of a point: lim (f(x + tv) - f(x))/t for t falling to 0.
//
// Every part of the expression becomes a series in s, t = s^12, so that square and cube roots of t have places.
// |u| then is u times the sign of its first term, max(u, v) is the one whose first differing term is larger, and
// sqrt(u) halves the order of the first term. So kinks, cusps and cones are answered, not only smooth places.

#include "tessera/math/calculus/number.h"

namespace tessera::math::calculus {

struct OneSided {
  enum class Kind { kValue, kPlusInfinity, kMinusInfinity, kUndefined };  // undefined: f has no value on that way
  Kind kind = Kind::kValue;
  Real value;
};

// At `point` along `direction`, which is used as it is, not normalised. Throws MathError: undecided where the series'
// first terms do not tell, no answer where f has no value at the point itself.
OneSided OneSidedDerivative(const Graph& graph, NodeId root, const std::vector<Rational>& point,
                            const std::vector<Real>& direction, int64_t precision);

}  // namespace tessera::math::calculus
