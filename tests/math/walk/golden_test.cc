// The drunkard's walk against the golden tables.

#include "math/golden.h"

#include "tessera/core/sha256.h"
#include "tessera/math/walk/lattice.h"
#include "tessera/math/walk/law.h"
#include "tessera/math/walk/limits.h"
#include "tessera/math/walk/line.h"
#include "tessera/math/walk/polya.h"

namespace tessera::math::walk {
namespace {

const Json& Line() {
  static const Json golden = Golden("walk_line.json");
  return golden;
}
const Json& Lattice() {
  static const Json golden = Golden("walk_lattice.json");
  return golden;
}
const Json& Limits() {
  static const Json golden = Golden("walk_limits.json");
  return golden;
}

int64_t N(const Json& row, const char* key = "n") { return row[key].get<int64_t>(); }

// hex(p)/2^e, as the golden table writes a fraction whose denominator is a power of two
std::string ReducedHexSha256(const Rational& value) {
  const std::string text = value.numerator().ToString(16) + "/2^" + std::to_string(value.denominator().bits() - 1);
  Sha256 sum;
  sum.Update(text);
  return sum.Finish();
}

TEST(WalkGolden, WholeDistributionsAreExact) {
  for (const char* table : {"distribution_full", "distribution_biased"})
    for (const Json& row : Line()[table]) {
      const ExactLaw law(N(row), Exact(row["p"]));
      ASSERT_EQ(row["prob"].size(), static_cast<size_t>(N(row)) + 1);
      for (size_t k = 0; k < row["prob"].size(); ++k) {
        EXPECT_EQ(row["x"][k].get<int64_t>(), 2 * static_cast<int64_t>(k) - N(row));
        EXPECT_EQ(law.Probability(static_cast<int64_t>(k)), Exact(row["prob"][k]));
      }
      if (row.contains("mean")) {
        EXPECT_EQ(Moment(N(row), 1, Exact(row["p"])), Exact(row["mean"]));
      }
    }
}

TEST(WalkGolden, PointsHaveFortyDigitsAndTheExactFraction) {
  for (const Json& row : Line()["distribution_points"]) {
    const Rational exact = PointProbability(N(row), N(row, "x"), Exact(row["p"]));
    EXPECT_EQ(ReducedHexSha256(exact), row["reduced_hex_sha256"].get<std::string>());
    ExpectDigits(row["prob_40"], PointProbability(N(row), N(row, "x"), Exact(row["p"]), 200), 40);
  }
}

TEST(WalkGolden, MomentsAndMeans) {
  for (const Json& row : Line()["moments"])
    EXPECT_EQ(Moment(N(row), static_cast<int>(N(row, "m")), Exact(row["p"])), Exact(row["value"]));
  for (const Json& row : Line()["mean_abs"]) EXPECT_EQ(MeanAbsolute(N(row)), Exact(row["value"]));
  for (const Json& row : Line()["expected_distinct_sites"]) EXPECT_EQ(ExpectedSites(N(row)), Exact(row["value"]));
}

TEST(WalkGolden, PassagesAndReturns) {
  for (const Json& row : Line()["first_passage"])
    EXPECT_EQ(FirstPassage(N(row), N(row, "a"), Exact(row["p"])), Exact(row["prob"]));
  for (const Json& row : Line()["first_return"]) EXPECT_EQ(FirstReturn(N(row), Exact(row["p"])), Exact(row["prob"]));
  for (const Json& row : Line()["ever_return"]) EXPECT_EQ(EverReturn(Exact(row["p"])), Exact(row["prob"]));
  for (const Json& row : Line()["ever_reach"]) EXPECT_EQ(EverReach(N(row, "a"), Exact(row["p"])), Exact(row["prob"]));
  for (const Json& row : Line()["returns_exactly"])
    EXPECT_EQ(Returns(N(row, "steps"), N(row, "r")), Exact(row["prob"]));
  for (const Json& row : Line()["sign_changes_exactly"])
    EXPECT_EQ(SignChanges(N(row, "steps"), N(row, "r")), Exact(row["prob"]));
}

TEST(WalkGolden, PathsByReflection) {
  for (const Json& row : Line()["maximum"]) EXPECT_EQ(Maximum(N(row), N(row, "r")), Exact(row["prob"]));
  for (const Json& row : Line()["arcsine_last_zero_and_time_positive"])
    EXPECT_EQ(Arcsine(N(row, "steps"), N(row, "at")), Exact(row["prob"]));
  for (const Json& row : Line()["ballot_strictly_ahead"])
    EXPECT_EQ(Ballot(N(row, "a"), N(row, "b")), Exact(row["prob"]));
  for (const Json& row : Line()["reflection_touches_and_ends"])
    EXPECT_EQ(TouchAndEnd(N(row), N(row, "level"), N(row, "end")), Integer(N(row, "paths")));
}

TEST(WalkGolden, GamblersRuin) {
  for (const Json& row : Line()["gambler_ruin"]) {
    const Ruin ruin = GamblersRuin(N(row, "z"), N(row, "N"), Exact(row["p"]));
    EXPECT_EQ(ruin.probability, Exact(row["ruin_prob"]));
    EXPECT_EQ(ruin.mean_duration, Exact(row["mean_duration"]));
  }
}

TEST(WalkGolden, LatticeCounts) {
  const auto d = [](const Json& row) { return static_cast<int>(N(row, "d")); };
  for (const Json& row : Lattice()["return_at"]) EXPECT_EQ(LatticeReturnAt(d(row), N(row)), Exact(row["prob"]));
  for (const Json& row : Lattice()["first_return_at"])
    EXPECT_EQ(LatticeFirstReturn(d(row), N(row)), Exact(row["prob"]));
  for (const Json& row : Lattice()["return_within"]) EXPECT_EQ(LatticeReturnWithin(d(row), N(row)), Exact(row["prob"]));
  for (const Json& row : Lattice()["expected_distinct_sites"])
    EXPECT_EQ(LatticeExpectedSites(d(row), N(row)), Exact(row["value"]));
  for (const Json& row : Lattice()["point_2d"]) {
    const int64_t place[] = {N(row, "x"), N(row, "y")};
    EXPECT_EQ(LatticePoint(N(row), place), Exact(row["prob"]));
  }
}

TEST(WalkGolden, PolyasConstants) {
  for (const Json& row : Lattice()["ever_return"]) {
    const int64_t digits = row.value("digits", 20);
    ExpectDigits(row["prob"], ReturnProbability(static_cast<int>(N(row, "d")), digits * 4 + 64), digits);
    if (row.contains("expected_visits"))
      ExpectDigits(row["expected_visits"], ExpectedVisits(static_cast<int>(N(row, "d")), digits * 4 + 64), digits);
  }
}

TEST(WalkGolden, LimitsAtFiniteN) {
  for (const Json& row : Limits()["sup_cdf_error"]) ExpectDigits(row["value"], NormalError(N(row), kFairP, 160), 30);
  for (const Json& row : Limits()["mean_maximum"]) ExpectDigits(row["value"], Ball(MeanMaximum(N(row)), 200), 40);
  for (const Json& row : Limits()["mean_returns"]) ExpectDigits(row["value"], Ball(MeanReturns(N(row)), 200), 40);
  for (const Json& row : Limits()["mean_abs_over_sqrt_n"]) {
    Ball value(MeanAbsolute(N(row)), 300), root(N(row));
    arb_sqrt(root.raw(), root.raw(), 300);
    arb_div(value.raw(), value.raw(), root.raw(), 300);
    ExpectDigits(row["value"], value, 40);
  }
  for (const Json& row : Limits()["return_prob_times_sqrt"]) {
    Ball value = PointProbability(N(row, "two_m"), 0, kFairP, 300), scale;
    arb_const_pi(scale.raw(), 300);
    arb_mul_si(scale.raw(), scale.raw(), N(row, "two_m") / 2, 300);
    arb_sqrt(scale.raw(), scale.raw(), 300);
    arb_mul(value.raw(), value.raw(), scale.raw(), 300);
    ExpectDigits(row["P(S_2m=0)*sqrt(pi*m)"], value, 40);
  }
}

}  // namespace
}  // namespace tessera::math::walk
