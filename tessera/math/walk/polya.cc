#include "tessera/math/walk/polya.h"

#if __has_include(<flint/acb_calc.h>)
#include <flint/acb.h>
#include <flint/acb_calc.h>
#include <flint/acb_hypgeom.h>
#include <flint/arb_poly.h>
#else
#include <acb.h>
#include <acb_calc.h>
#include <acb_hypgeom.h>
#include <arb_poly.h>
#endif

#include "tessera/math/errors.h"

namespace tessera::math::walk {
namespace {

Ball WatsonsClosedForm(int64_t precision) {
  Ball product(1), factor;
  for (const int64_t k : {1, 5, 7, 11}) {
    Rational argument(k, 24);
    arb_gamma_fmpq(factor.raw(), argument.raw(), precision);
    arb_mul(product.raw(), product.raw(), factor.raw(), precision);
  }
  arb_sqrt_ui(factor.raw(), 6, precision);
  arb_mul(product.raw(), product.raw(), factor.raw(), precision);
  arb_const_pi(factor.raw(), precision);
  arb_pow_ui(factor.raw(), factor.raw(), 3, precision);
  arb_mul_ui(factor.raw(), factor.raw(), 32, precision);
  arb_div(product.raw(), product.raw(), factor.raw(), precision);
  return product;
}

// result = (e^(-z/d) I_0(z/d))^d, an entire function of z
int Integrand(acb_ptr result, const acb_t z, void* dimension, slong order, slong precision) {
  const auto d = *static_cast<const int*>(dimension);
  if (order > 1) flint_abort();  // the integrator asks for values only
  acb_t x, zero;
  acb_init(x);
  acb_init(zero);
  acb_div_si(x, z, d, precision);
  acb_hypgeom_bessel_i_scaled(result, zero, x, precision);
  acb_pow_ui(result, result, static_cast<ulong>(d), precision);
  acb_clear(x);
  acb_clear(zero);
  return 0;
}

Ball HeadIntegral(int d, int64_t end, int64_t precision) {
  acb_t sum, from, to;
  acb_init(sum);
  acb_init(from);
  acb_init(to);
  acb_set_si(to, end);
  mag_t tolerance;
  mag_init(tolerance);
  mag_set_ui_2exp_si(tolerance, 1, -precision);
  acb_calc_integrate(sum, Integrand, &d, from, to, precision, tolerance, nullptr, precision + 32);
  Ball result;
  arb_set(result.raw(), acb_realref(sum));
  mag_clear(tolerance);
  acb_clear(sum);
  acb_clear(from);
  acb_clear(to);
  return result;
}

// Σ_(k<K) a_k x^-k, a_k = (1·3···(2k-1))²/(k! 8^k), as a polynomial in 1/x; and a_K.
Ball HankelSeries(int64_t terms, int64_t precision, arb_poly_t series) {
  Ball a(1);
  for (int64_t k = 0; k < terms; ++k) {
    arb_poly_set_coeff_arb(series, k, a.raw());
    arb_mul_si(a.raw(), a.raw(), (2 * k + 1) * (2 * k + 1), precision);
    arb_div_si(a.raw(), a.raw(), 8 * (k + 1), precision);
  }
  return a;
}

// E(X) >= |sqrt(2πx) e^-x I_0(x) - Σ_(k<K) a_k x^-k| for x >= X >= 4. From I_0(x) = (K_0(x) - K_0(x e^πi))/(πi):
//   E = 2 a_K χ(K) X^-K exp(χ(1)/(4X)) + e^-2X,   χ(K) = sqrt(π) Γ(K/2 + 1)/Γ(K/2 + 1/2) <= sqrt(π (K/2 + 2)) + 1
Ball HankelError(const Ball& a, int64_t terms, int64_t cut, int64_t precision) {
  Ball error, scale(cut), chi;
  arb_pow_ui(scale.raw(), scale.raw(), static_cast<ulong>(terms), precision);
  arb_div(error.raw(), a.raw(), scale.raw(), precision);
  arb_const_pi(chi.raw(), precision);
  arb_mul_si(chi.raw(), chi.raw(), terms / 2 + 2, precision);
  arb_sqrt(chi.raw(), chi.raw(), precision);
  arb_add_ui(chi.raw(), chi.raw(), 1, precision);
  arb_mul(error.raw(), error.raw(), chi.raw(), precision);
  arb_mul_ui(error.raw(), error.raw(), 4, precision);  // exp(χ(1)/(4X)) < 2
  Ball exponential(-2 * cut);
  arb_exp(exponential.raw(), exponential.raw(), precision);
  arb_add(error.raw(), error.raw(), exponential.raw(), precision);
  return error;
}

// ∫_(dX)^∞ (e^(-t/d) I_0(t/d))^d dt = d (2π)^(-d/2) ∫_X^∞ x^(-d/2) (P(x) + R(x))^d dx. P^d is integrated term by term;
// what R adds is at most d E (P(X) + E)^(d-1) in place of P^d.
Ball TailIntegral(int d, int64_t cut, int64_t precision) {
  const int64_t terms = 2 * cut;  // where the terms a_k X^-k are smallest
  arb_poly_t series, power;
  arb_poly_init(series);
  arb_poly_init(power);
  const Ball last = HankelSeries(terms, precision, series);
  const Ball error = HankelError(last, terms, cut, precision);
  arb_poly_pow_ui(power, series, static_cast<ulong>(d), precision);
  const Ball inverse(Rational(1, cut), precision);
  Ball sum, term, scale(1), at_cut, extra;
  for (slong k = 0; k < arb_poly_length(power); ++k) {  // 2 c_k X^-k / (2k + d - 2)
    arb_poly_get_coeff_arb(term.raw(), power, k);
    arb_mul(term.raw(), term.raw(), scale.raw(), precision);
    arb_mul_2exp_si(term.raw(), term.raw(), 1);
    arb_div_si(term.raw(), term.raw(), 2 * k + d - 2, precision);
    arb_add(sum.raw(), sum.raw(), term.raw(), precision);
    arb_mul(scale.raw(), scale.raw(), inverse.raw(), precision);
  }
  arb_poly_evaluate(at_cut.raw(), series, inverse.raw(), precision);
  arb_add(at_cut.raw(), at_cut.raw(), error.raw(), precision);
  arb_pow_ui(extra.raw(), at_cut.raw(), static_cast<ulong>(d - 1), precision);
  arb_mul(extra.raw(), extra.raw(), error.raw(), precision);
  arb_mul_ui(extra.raw(), extra.raw(), static_cast<ulong>(2 * d), precision);
  arb_div_si(extra.raw(), extra.raw(), d - 2, precision);
  arb_add_error(sum.raw(), extra.raw());
  arb_poly_clear(series);
  arb_poly_clear(power);
  // · d X (2πX)^(-d/2)
  Ball outside;
  arb_const_pi(outside.raw(), precision);
  arb_mul_si(outside.raw(), outside.raw(), 2 * cut, precision);
  arb_rsqrt(outside.raw(), outside.raw(), precision);
  arb_pow_ui(outside.raw(), outside.raw(), static_cast<ulong>(d), precision);
  arb_mul_si(outside.raw(), outside.raw(), d * cut, precision);
  arb_mul(sum.raw(), sum.raw(), outside.raw(), precision);
  return sum;
}

}  // namespace

Ball ExpectedVisitsByIntegral(int d, int64_t precision) {
  if (d < 3)
    FailNoAnswer("domain", "in {} dimension{} a walk visits its origin infinitely often", d, d == 1 ? "" : "s");
  if (d > 64) FailInput("too-large", "Pólya's constant: d goes to 64, not {}", d);
  const int64_t working = precision + 64, cut = working * 35 / 100 + 8;
  Ball head = HeadIntegral(d, d * cut, working);
  const Ball tail = TailIntegral(d, cut, working + 64);
  arb_add(head.raw(), head.raw(), tail.raw(), working);
  return head;
}

Ball ExpectedVisits(int d, int64_t precision) {
  return d == 3 ? WatsonsClosedForm(precision + 16) : ExpectedVisitsByIntegral(d, precision);
}

Ball ReturnProbability(int d, int64_t precision) {
  if (d < 1) FailInput("domain", "Pólya's constant: {} dimensions; there must be 1 or more", d);
  if (d < 3) return 1;
  Ball result = ExpectedVisits(d, precision);
  arb_inv(result.raw(), result.raw(), precision + 16);
  arb_sub_ui(result.raw(), result.raw(), 1, precision + 16);
  arb_neg(result.raw(), result.raw());
  return result;
}

}  // namespace tessera::math::walk
