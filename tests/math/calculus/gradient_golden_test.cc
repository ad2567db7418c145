#include <gmock/gmock.h>

#include <cmath>

#include "math/golden.h"
#include "tessera/math/calculus/gradient.h"
#include "tessera/math/calculus/parse.h"
#include "tessera/math/calculus/print.h"
#include "tessera/math/calculus/rules.h"
#include "tessera/math/calculus/tape.h"
#include "tessera/math/errors.h"

namespace tessera::math::calculus {
namespace {

constexpr int64_t kPrecision = 256;

const Json& Table() {
  static const Json golden = Golden("gradient.json");
  return golden;
}

std::vector<Assignment> At(const Json& row) {
  std::vector<Assignment> at;
  for (const auto& [name, value] : row["at"].items())
    at.push_back({name, ParseRational(value.get<std::string>(), name)});
  return at;
}

// The value of a text that may hold variables, which stand in `at`; sympy's log is our ln.
Ball ValueOf(std::string text, const std::vector<Assignment>& at) {
  for (size_t i; (i = text.find("log(")) != std::string::npos;) text.replace(i, 3, "ln");
  for (size_t i; (i = text.find("**")) != std::string::npos;) text.replace(i, 2, "^");
  const Formula f = ReadFormula(text);
  return EvaluateAll(f.graph, f.root, BindPoint(f, at), kPrecision).back().ToBall(kPrecision);
}

Real Slope(const GradientAt& g, const std::vector<Rational>& direction, bool unit) {
  const RealAlgebra algebra(kPrecision);
  Real dot = 0, square = 0;
  for (size_t i = 0; i < direction.size(); ++i) {
    dot = algebra.Apply(Op::kAdd, dot, algebra.Apply(Op::kMultiply, g.gradient[i], direction[i]));
    square = algebra.Apply(Op::kAdd, square, direction[i] * direction[i]);
  }
  return unit ? algebra.Apply(Op::kDivide, dot, algebra.Apply(Op::kSqrt, square)) : dot;
}

TEST(GradientGolden, SmoothFormulas) {
  for (const Json& row : Table()["smooth"]) {
    SCOPED_TRACE(row["expr"].get<std::string>());
    Formula f = ReadFormula(row["expr"].get<std::string>());
    const std::vector<Assignment> at = At(row);
    const std::vector<Rational> point = BindPoint(f, at);
    const GradientAt g = DifferentiateAt(f, point, kPrecision);
    ASSERT_TRUE(g.differentiable && g.smooth);
    ExpectDigits(row["value_40"], g.value.ToBall(kPrecision), 40);
    const std::vector<NodeId> partials = SymbolicGradient(f.graph, f.root);
    const Substituted exact = Substitute(f.graph, partials, point);
    Tape tape(f.graph, f.root);
    std::vector<double> x, numeric(point.size());
    for (const Rational& value : point) x.push_back(value.ToDouble());
    tape.Gradient(x, numeric);
    std::vector<Rational> direction(point.size());
    for (size_t k = 0; k < f.order.size(); ++k) {
      const size_t i = f.order[k];
      const std::string expected = row["gradient_40"][k];
      ExpectDigits(expected, g.gradient[i].ToBall(kPrecision), 40);
      ExpectDigits(expected, ValueOf(ToText(f.graph, partials[i]), at), 40);
      ExpectDigits(expected, ValueOf(ToText(exact.graph, exact.roots[i]), {}), 40);
      if (row["gradient_exact"][k].get<std::string>().find_first_not_of("0123456789-/") == std::string::npos) {
        EXPECT_EQ(ToText(exact.graph, exact.roots[i]), row["gradient_exact"][k].get<std::string>());
      }
      EXPECT_NEAR(numeric[i], std::stod(expected), 1e-14 * (1 + std::abs(numeric[i])));
    }
    for (const Json& line : row["directional"]) {
      for (size_t k = 0; k < f.order.size(); ++k) direction[f.order[k]] = math::Exact(line["direction"][k]);
      ExpectDigits(line["unit_40"], Slope(g, direction, true).ToBall(kPrecision), 40);
      ExpectDigits(line["unnormalised_40"], Slope(g, direction, false).ToBall(kPrecision), 40);
      ExpectDigits(line["unit_40"], ValueOf(line["unit"], {}), 40);
    }
  }
}

TEST(GradientGolden, KinksAndHoles) {
  for (const Json& row : Table()["nonsmooth"]) {
    SCOPED_TRACE(row["expr"].get<std::string>());
    const Formula f = ReadFormula(row["expr"].get<std::string>());
    const std::vector<Rational> point = BindPoint(f, At(row));
    if (row.value("error", "") == "domain") {
      try {
        DifferentiateAt(f, point, kPrecision);
        ADD_FAILURE();
      } catch (const MathError& error) {
        EXPECT_EQ(error.code(), "domain");
        EXPECT_EQ(error.fault(), Fault::kNoAnswer);
      }
      continue;
    }
    const GradientAt g = DifferentiateAt(f, point, kPrecision);
    EXPECT_EQ(g.value.exact(), math::Exact(row["value"]));
    EXPECT_EQ(g.differentiable, !row.contains("error"));
    if (row.contains("gradient")) {
      EXPECT_EQ(g.gradient[0].exact(), math::Exact(row["gradient"][0]));
    }
    if (!row.contains("one_sided")) continue;
    EXPECT_NE(g.reason, "");
    for (const Json& side : row["one_sided"]) {
      std::vector<Real> direction(point.size());
      Rational square = 0;
      for (const Json& value : side["direction"]) square = square + math::Exact(value) * math::Exact(value);
      const RealAlgebra algebra(kPrecision);
      for (size_t k = 0; k < f.order.size(); ++k)
        direction[f.order[k]] =
            algebra.Apply(Op::kDivide, math::Exact(side["direction"][k]), algebra.Apply(Op::kSqrt, square));
      const OneSided d = OneSidedDerivative(f.graph, f.root, point, direction, kPrecision);
      if (side["value"].is_null()) {
        EXPECT_EQ(d.kind, OneSided::Kind::kUndefined);
      } else if (side["value"] == "+inf") {
        EXPECT_EQ(d.kind, OneSided::Kind::kPlusInfinity);
      } else {
        ASSERT_EQ(d.kind, OneSided::Kind::kValue);
        EXPECT_EQ(d.value.exact(), math::Exact(side["value"]));
      }
    }
  }
}

TEST(GradientGolden, EveryWrongInputHasItsWordAndColumn) {
  for (const Json& row : Table()["errors"]) {
    const std::string text = row["expr"], expected = row["error"];
    if (row.contains("direction")) continue;  // tested on the program
    try {
      BindPoint(ReadFormula(text), At(row));
      ADD_FAILURE() << text;
    } catch (const MathError& error) {
      EXPECT_EQ(error.code(), expected) << text;
      EXPECT_EQ(error.fault(), Fault::kBadInput);
      if (row.contains("column")) {
        EXPECT_EQ(error.column(), row["column"].get<size_t>()) << text;
      }
    }
  }
}

}  // namespace
}  // namespace tessera::math::calculus
