#include "tessera/math/harmonic/harmonic.h"

#include <gmock/gmock.h>

#include "math/golden.h"
#include "tessera/math/errors.h"
#include "tessera/math/harmonic/proof.h"
#include "tessera/math/numeric/harmonic_sum.h"

namespace tessera::math::harmonic {
namespace {

const Json& Table() {
  static const Json golden = Golden("harmonic.json");
  return golden;
}

TEST(Harmonic, FractionsAreExact) {
  for (const Json& row : Table()["exact"]) EXPECT_EQ(Exact(row["n"].get<int64_t>()), math::Exact(row["value"]));
}

TEST(Harmonic, SixtyDigitsForAnyNumberThatCanBeWritten) {
  for (const Json& row : Table()["digits_60"])
    ExpectDigits(row["value"], Enclose(ParseHarmonicCount(row["n"].get<std::string>()), 260), 60);
  for (const Json& row : Table()["power_of_ten_n"])
    ExpectDigits(row["value_60"], Enclose(ParseHarmonicCount(row["n"].get<std::string>()), 260), 60);
}

TEST(Harmonic, CoefficientsOfTheExpansion) {
  for (const Json& row : Table()["euler_maclaurin_coefficients"])
    EXPECT_EQ(Coefficient(row["power_of_1/n"].get<int64_t>() / 2), math::Exact(row["coefficient"]));
}

TEST(Harmonic, TheErrorIsBelowTheNextTermAndHasItsSign) {
  for (const Json& row : Table()["truncation"]) {
    const int64_t n = row["n"].get<int64_t>();
    const Expansion e = Expand(n, row["terms_after_1/(2n)"].get<int64_t>(), 200);
    ExpectDigits(row["approximation_40"], e.value, 40);
    ExpectDigits(row["bound_next_term_12"], e.next_term, 12);
    Ball error = Enclose(n, 300);
    arb_sub(error.raw(), error.raw(), e.value.raw(), 300);
    ExpectDigits(row["error_12"], error, 12);
    EXPECT_EQ(error.is_positive(), e.next_term.is_positive());
  }
}

TEST(Harmonic, TheLeastNumberAboveAThreshold) {
  for (const Json& row : Table()["least_n_with_H_n_above"])
    EXPECT_EQ(LeastAbove(row["x"].get<int64_t>()).ToString(), row["n"].get<std::string>());
  EXPECT_EQ(LeastAbove(Rational(-1, 2)), Integer(0));
  EXPECT_EQ(LeastAbove(Rational(3, 2)), Integer(3)) << "H_2 equals it";
  EXPECT_EQ(LeastAbove(Rational(149, 100)), Integer(2));
  EXPECT_EQ(LeastAbove(Exact(5000)), Integer(5001)) << "equality far out";
  EXPECT_EQ(LeastAbove(100).ToString(), "15092688622113788323693563264538101449859497");
}

TEST(Harmonic, EulersConstant) {
  const auto gamma = [](int64_t precision) {
    Ball value;
    arb_const_euler(value.raw(), precision);
    return value;
  };
  const std::string expected = Table()["gamma_100"];
  EXPECT_EQ(CertifiedDigits(gamma, 99).substr(0, 98), expected.substr(0, 98));
}

TEST(Harmonic, EveryWrongInputHasItsWord) {
  for (const Json& row : Table()["errors"]) {
    const std::string input = row["input"];
    try {
      ParseHarmonicCount(input);
      ADD_FAILURE() << input;
    } catch (const MathError& error) {
      EXPECT_EQ(error.code(), row["error"].get<std::string>()) << input;
      EXPECT_EQ(error.fault(), Fault::kBadInput);
    }
  }
  EXPECT_THROW(Exact(kMaxExact + 1), MathError);
  EXPECT_THROW(LeastAbove(Rational(kMaxThreshold) + Rational(1)), MathError);
}

TEST(Harmonic, TheExpansionAgreesWithTheFraction) {
  for (const int64_t n : {40, 77, 1000}) {
    const Ball exact(Exact(n), 300), expanded = Enclose(n, 60);
    EXPECT_TRUE(arb_overlaps(exact.raw(), expanded.raw())) << n;
  }
}

TEST(HarmonicProof, ChipsLieInsideTheUnitSquareAndFillGamma) {
  const plot::Figure figure = ProofFigure(6);
  double area = 0;
  for (const plot::Shape& shape : figure.shapes) {
    if (shape.color != 1 || shape.corners.back().x > 1.001) continue;
    double twice = 0;
    for (size_t i = 0; i < shape.corners.size(); ++i) {
      const plot::Point &a = shape.corners[i], &b = shape.corners[(i + 1) % shape.corners.size()];
      twice += a.x * b.y - b.x * a.y;
      EXPECT_GE(a.x, -1e-12);
      EXPECT_LE(a.y, 1.0);
    }
    area += std::abs(twice) / 2;
  }
  EXPECT_NEAR(area, 0.5772, 0.005);
}

TEST(Harmonic, SumsInDoublesAgreeWithCertifiedDigits) {
  for (const int64_t n : {1, 2, 17, 33, 1000, 151936, 1'000'000'000}) {
    const double certified = Enclose(n, 128).ToDouble();
    EXPECT_NEAR(numeric::HarmonicSum(n), certified, 1e-15 * certified) << n;
  }
}

}  // namespace
}  // namespace tessera::math::harmonic
