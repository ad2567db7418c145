#include <gtest/gtest.h>

#include "math/golden.h"
#include "tessera/core/random.h"
#include "tessera/math/errors.h"
#include "tessera/math/quadratic/quadratic.h"

namespace tessera::math::quadratic {
namespace {

ExactProblem FromJson(const Json& row) {
  ExactProblem p{.n = static_cast<int64_t>(row["A"].size()), .c = math::Exact(row["c"])};
  for (const Json& line : row["A"])
    for (const Json& value : line) p.a.push_back(math::Exact(value));
  for (const Json& value : row["b"]) p.b.push_back(math::Exact(value));
  return p;
}

Rational Curvature(const ExactProblem& p, const std::vector<Rational>& v) {
  ExactProblem pure = p;
  for (Rational& value : pure.b) value = 0;
  pure.c = 0;
  return Evaluate(pure, v);
}

Rational Slope(const ExactProblem& p, const std::vector<Rational>& v) {
  Rational sum = 0;
  for (size_t i = 0; i < v.size(); ++i) sum = sum + p.b[i] * v[i];
  return sum;
}

// f(t v) goes to -∞ (sign -1) or +∞ (+1) for t → ∞, if b out of range by its slope along a null vector.
void ExpectUnbounded(const ExactProblem& p, const std::vector<Rational>& v, int sign) {
  ASSERT_FALSE(v.empty());
  const Rational curvature = Curvature(p, v);
  EXPECT_EQ(curvature.is_zero() ? Slope(p, v).sign() : curvature.sign(), sign);
}

TEST(QuadraticGolden, KindInertiaExtremumAndCertificate) {
  const Json golden = Golden("quadratic.json");  // outlives the loop over a part of it
  for (const Json& row : golden["cases"]) {
    SCOPED_TRACE(row["name"].get<std::string>());
    const ExactProblem p = FromJson(row);
    const ExactSolution s = SolveExact(p);
    EXPECT_EQ(Name(s.kind), row["kind"].get<std::string>());
    EXPECT_EQ(s.inertia.positive, row["inertia"]["positive"].get<int64_t>());
    EXPECT_EQ(s.inertia.negative, row["inertia"]["negative"].get<int64_t>());
    EXPECT_EQ(s.inertia.zero, row["inertia"]["zero"].get<int64_t>());
    EXPECT_EQ(s.b_in_range, row["b_in_range"].get<bool>());
    if (row.contains("stationary_least_norm")) {
      EXPECT_EQ(s.value, math::Exact(row["value"]));
      for (size_t i = 0; i < s.x.size(); ++i) EXPECT_EQ(s.x[i], math::Exact(row["stationary_least_norm"][i]));
      for (const Rational& g : Gradient(p, s.x)) EXPECT_TRUE(g.is_zero());
      EXPECT_EQ(static_cast<int64_t>(s.null_space.size()), row["stationary_dim"].get<int64_t>());
    }
    if (row["infimum"] == "-inf") ExpectUnbounded(p, s.descent, -1);
    if (row["supremum"] == "+inf") ExpectUnbounded(p, s.ascent, +1);
    for (const auto& v : s.null_space) EXPECT_TRUE(Curvature(p, v).is_zero());
  }
}

TEST(QuadraticGolden, EveryWrongInputHasItsWord) {
  const Json golden = Golden("quadratic.json");  // outlives the loop over a part of it
  for (const Json& row : golden["errors"]) {
    try {
      ExactProblem p = FromJson(row);
      SolveExact(p);
      ADD_FAILURE() << row.dump();
    } catch (const MathError& error) {
      EXPECT_EQ(error.code(), row["error"].get<std::string>());
      EXPECT_EQ(error.fault(), Fault::kBadInput);
    }
  }
}

TEST(QuadraticExact, InertiaIsThatOfACongruentDiagonal) {
  Random random(4);
  for (int round = 0; round < 40; ++round) {
    const size_t n = 1 + random.Below(7);
    std::vector<int64_t> d(n);
    Inertia expected;
    for (int64_t& value : d) {
      value = static_cast<int64_t>(random.Below(5)) - 2;
      ++(value > 0 ? expected.positive : value < 0 ? expected.negative : expected.zero);
    }
    if (expected.zero == static_cast<int64_t>(n)) continue;
    std::vector<int64_t> t(n * n);  // unit lower triangular: congruence keeps the inertia
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j <= i; ++j) t[i * n + j] = i == j ? 1 : static_cast<int64_t>(random.Below(7)) - 3;
    ExactProblem p{.n = static_cast<int64_t>(n), .b = std::vector<Rational>(n)};
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < n; ++j) {
        int64_t sum = 0;
        for (size_t k = 0; k < n; ++k) sum += t[i * n + k] * d[k] * t[j * n + k];
        p.a.push_back(sum);
      }
    const ExactSolution s = SolveExact(p);
    EXPECT_EQ(s.inertia.positive, expected.positive);
    EXPECT_EQ(s.inertia.negative, expected.negative);
    EXPECT_EQ(s.inertia.zero, expected.zero);
  }
}

}  // namespace
}  // namespace tessera::math::quadratic
