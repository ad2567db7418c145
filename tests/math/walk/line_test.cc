#include "tessera/math/walk/line.h"

#include <gtest/gtest.h>

#include <map>

#include "tessera/math/errors.h"
#include "tessera/math/number/digits.h"
#include "tessera/math/walk/generating_function.h"
#include "tessera/math/walk/lattice.h"
#include "tessera/math/walk/limits.h"
#include "tessera/math/walk/polya.h"

namespace tessera::math::walk {
namespace {

struct PathFacts {
  int64_t end = 0, maximum = 0, sites = 1;
};

// Every path of n steps with its probability.
template <typename Body>
void ForEachPath(int n, const Rational& p, Body body) {
  for (int path = 0; path < 1 << n; ++path) {
    PathFacts facts;
    int64_t least = 0;
    Rational chance = 1;
    for (int i = 0; i < n; ++i) {
      const bool up = (path >> i & 1) != 0;
      facts.end += up ? 1 : -1;
      chance = chance * (up ? p : Rational(1) - p);
      facts.maximum = std::max(facts.maximum, facts.end);
      least = std::min(least, facts.end);
    }
    facts.sites = facts.maximum - least + 1;
    body(facts, chance);
  }
}

TEST(WalkLine, ABiasedWalksMaximumAndSitesAgreeWithEnumeration) {
  constexpr int n = 9;
  const Rational p(2, 5);
  std::map<int64_t, Rational> maximum;
  Rational sites = 0;
  ForEachPath(n, p, [&](const PathFacts& facts, const Rational& chance) {
    maximum[facts.maximum] = maximum[facts.maximum] + chance;
    sites = sites + chance * Rational(facts.sites);
  });
  for (int64_t r = 0; r <= n; ++r) EXPECT_EQ(Maximum(n, r, p), maximum[r]) << r;
  EXPECT_EQ(ExpectedSites(n, p), sites);
}

TEST(WalkLine, HugeWalksHaveCertifiedDigits) {
  const auto at = [](int64_t precision) { return PointProbability(1'000'000'000'000'000'000, 0, kFairP, precision); };
  // sqrt(2/(πn)) (1 - 1/(4n) …)
  EXPECT_EQ(CertifiedDigits(at, 20).substr(0, 18), "7.9788456080286535");
}

TEST(WalkLine, RuinWithSureStepsIsSure) {
  EXPECT_EQ(GamblersRuin(3, 10, 1).probability, Rational(0));
  EXPECT_EQ(GamblersRuin(3, 10, 1).mean_duration, Rational(7));
  EXPECT_EQ(GamblersRuin(3, 10, 0).probability, Rational(1));
  EXPECT_EQ(GamblersRuin(3, 10, 0).mean_duration, Rational(3));
  EXPECT_EQ(GamblersRuin(10, 10, Rational(1, 3)).probability, Rational(0));
}

TEST(WalkLine, WhatCannotBeMeantIsRefused) {
  EXPECT_THROW(ParseProbability("1.01", "p"), MathError);
  EXPECT_THROW(ParseProbability("-1/2", "p"), MathError);
  EXPECT_THROW(ParseProbability("half", "p"), MathError);
  EXPECT_THROW(GamblersRuin(11, 10, kFairP), MathError);
  EXPECT_THROW(Arcsine(5, 2), MathError);
  EXPECT_THROW(FirstPassage(5, 0), MathError);
}

TEST(GeneratingFunction, FirstReturnsAreOneMinusOneOverReturns) {
  const Rational p(3, 5);
  const auto u = GeneratingFunctionOf(Sequence::kReturns, p, 0, 40),
             f = GeneratingFunctionOf(Sequence::kFirstReturn, p, 0, 40);
  for (size_t n = 1; n < 40; ++n) {  // u_n = Σ f_j u_(n-j)
    Rational sum = 0;
    for (size_t j = 1; j <= n; ++j) sum = sum + f.coefficients[j] * u.coefficients[n - j];
    EXPECT_EQ(sum, u.coefficients[n]) << n;
  }
  EXPECT_EQ(GeneratingFunctionOf(Sequence::kReturns, kFairP, 0, 3).radius, "1");
  EXPECT_EQ(f.radius, "sqrt(25/24)");
}

TEST(Lattice, DoublesAgreeWithFractions) {
  for (int d = 1; d <= 3; ++d) {
    const std::vector<double> first = LatticeFirstReturns(d, 200);
    for (const int64_t n : {2, 20, 200}) {
      const double exact = LatticeFirstReturn(d, n).ToDouble();
      EXPECT_NEAR(first[static_cast<size_t>(n / 2)], exact, 1e-9 * exact);
    }
  }
}

TEST(Lattice, PointsInSpaceSumToOne) {
  Rational sum = 0;
  for (int64_t x = -4; x <= 4; ++x)
    for (int64_t y = -4; y <= 4; ++y)
      for (int64_t z = -4; z <= 4; ++z) {
        const int64_t place[] = {x, y, z};
        sum = sum + LatticePoint(4, place);
      }
  EXPECT_EQ(sum, Rational(1));
}

TEST(Polya, TheIntegralAgreesWithTheClosedForm) {
  const Ball integral = ExpectedVisitsByIntegral(3, 160), closed = ExpectedVisits(3, 160);
  EXPECT_TRUE(arb_overlaps(integral.raw(), closed.raw()));
  EXPECT_GT(arb_rel_accuracy_bits(integral.raw()), 140);
}

TEST(Limits, EdgeworthsTermsMakeTheLimitBetter) {
  const double exact = PointProbability(101, 21, Rational(3, 5)).ToDouble();
  const LocalLimit limit = ApproximatePoint(101, 21, Rational(3, 5));
  EXPECT_LT(std::abs(limit.corrected - exact), std::abs(limit.normal - exact) / 10);
}

}  // namespace
}  // namespace tessera::math::walk
