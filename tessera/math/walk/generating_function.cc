#include "tessera/math/walk/generating_function.h"

#include <cmath>
#include <cstdlib>
#include <numbers>

#include "tessera/math/errors.h"
#include "tessera/math/walk/line.h"

namespace tessera::math::walk {
namespace {

Rational Coefficient(Sequence sequence, const Rational& p, int64_t a, int64_t n) {
  switch (sequence) {
    case Sequence::kReturns:
      return PointProbability(n, 0, p);
    case Sequence::kFirstReturn:
      return FirstReturn(n, p);
    default:
      return n == 0 ? Rational(0) : FirstPassage(n, a, p);
  }
}

// "sqrt(1 - 24/25 z^2)"
std::string Root(const Rational& four_pq) {
  return four_pq == Rational(1) ? "sqrt(1 - z^2)" : fmt::format("sqrt(1 - {} z^2)", four_pq.ToString());
}

std::string Formula(Sequence sequence, const Rational& p, int64_t a) {
  const Rational q = Rational(1) - p, four_pq = Rational(4) * p * q;
  if (sequence == Sequence::kReturns) return "1/" + Root(four_pq);
  if (sequence == Sequence::kFirstReturn) return "1 - " + Root(four_pq);
  const Rational twice = Rational(2) * (a > 0 ? q : p);
  const std::string below = twice == Rational(1) ? "z" : fmt::format("({} z)", twice.ToString());
  const std::string one = fmt::format("(1 - {})/{}", Root(four_pq), below);
  return std::abs(a) == 1 ? one : fmt::format("({})^{}", one, std::abs(a));
}

// |a| (p/q)^(a/2) / (2 sqrt(pi))
double PassageScale(const Rational& p, int64_t a) {
  return static_cast<double>(std::abs(a)) * std::pow((p / (Rational(1) - p)).ToDouble(), static_cast<double>(a) / 2) *
         std::numbers::inv_sqrtpi / 2;
}

// Of the coefficients of z^2m, or of z^(2m + a) for the first passage; g = (4pq)^m.
std::string Asymptotics(Sequence sequence, const Rational& p, int64_t a) {
  const Rational q = Rational(1) - p, four_pq = Rational(4) * p * q;
  const std::string growth = four_pq == Rational(1) ? "" : fmt::format(" ({})^m", four_pq.ToString());
  if (sequence == Sequence::kReturns) return fmt::format("P(n = 2m) ~{} 1/sqrt(pi m)", growth);
  if (sequence == Sequence::kFirstReturn) return fmt::format("P(n = 2m) ~{} 1/(2 sqrt(pi) m^(3/2))", growth);
  // |a|/n · C(n, m + |a|) p^.. ~ |a| (p/q)^(a/2) / (2 sqrt(pi)) m^(-3/2) (4pq)^(n/2), n = 2m + |a|
  const std::string of_n = four_pq == Rational(1) ? "" : fmt::format(" ({})^(n/2)", four_pq.ToString());
  return fmt::format("P(n = 2m + {}) ~ {:.6g}{} m^(-3/2)", std::abs(a), PassageScale(p, a), of_n);
}

}  // namespace

double AsymptoticCoefficient(Sequence sequence, const Rational& p, int64_t a, int64_t n) {
  const int64_t reach = sequence == Sequence::kFirstPassage ? std::abs(a) : 0;
  if (n <= reach || (n - reach) % 2 != 0) return 0;
  const double four_pq = (Rational(4) * p * (Rational(1) - p)).ToDouble();
  const double m = static_cast<double>(n - reach) / 2, growth = std::pow(four_pq, static_cast<double>(n) / 2);
  if (sequence == Sequence::kReturns) return growth * std::numbers::inv_sqrtpi / std::sqrt(m);
  if (sequence == Sequence::kFirstReturn) return growth * std::numbers::inv_sqrtpi / 2 * std::pow(m, -1.5);
  return growth * PassageScale(p, a) * std::pow(m, -1.5);
}

GeneratingFunction GeneratingFunctionOf(Sequence sequence, const Rational& p, int64_t a, int64_t terms) {
  if (terms < 1 || terms > 2000) FailInput("domain", "generating function: {} terms are not within 1 … 2,000", terms);
  if (p.is_zero() || p == Rational(1))
    FailNoAnswer("domain", "generating function: with p = {} it is a polynomial, with no singularity", p.ToString());
  if (sequence == Sequence::kFirstPassage && a == 0)
    FailInput("domain", "generating function: the first passage needs a place other than 0");
  GeneratingFunction result{
      .formula = Formula(sequence, p, a),
      .type = sequence == Sequence::kReturns ? "inverse square root, (1 - z/R)^(-1/2)" : "square root, (1 - z/R)^(1/2)",
      .asymptotics = Asymptotics(sequence, p, a)};
  for (int64_t n = 0; n < terms; ++n) result.coefficients.push_back(Coefficient(sequence, p, a, n));
  const Rational square = Rational(1) / (Rational(4) * p * (Rational(1) - p));  // R²
  result.radius_value = std::sqrt(square.ToDouble());
  Integer above, below;
  const bool exact = fmpz_is_square(fmpq_numref(square.raw())) && fmpz_is_square(fmpq_denref(square.raw()));
  if (exact) {
    fmpz_sqrt(above.raw(), fmpq_numref(square.raw()));
    fmpz_sqrt(below.raw(), fmpq_denref(square.raw()));
  }
  result.radius = exact ? Rational(above, below).ToString() : fmt::format("sqrt({})", square.ToString());
  return result;
}

}  // namespace tessera::math::walk
