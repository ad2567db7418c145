#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>

#include "tessera/core/random.h"
#include "tessera/math/calculus/gradient.h"
#include "tessera/math/calculus/parse.h"
#include "tessera/math/calculus/print.h"
#include "tessera/math/calculus/rules.h"
#include "tessera/math/calculus/tape.h"
#include "tessera/math/errors.h"

namespace tessera::math::calculus {
namespace {

using testing::HasSubstr;

GradientAt At(const std::string& text, const std::string& point) {
  const Formula f = ReadFormula(text);
  return DifferentiateAt(f, BindPoint(f, ReadAssignments(point, "at")), 128);
}

std::string PartialText(const std::string& text, Notation notation = Notation::kPlain) {
  Formula f = ReadFormula(text);
  return ToText(f.graph, SymbolicGradient(f.graph, f.root)[0], notation);
}

TEST(Parse, PowersBindTighterThanMinusAndToTheRight) {
  const auto value = [](const std::string& text) {
    const Formula f = ReadFormula(text);
    return EvaluateAll(f.graph, f.root, {}, 64).back().exact();
  };
  EXPECT_EQ(value("-2^2"), Rational(-4));
  EXPECT_EQ(value("2^3^2"), Rational(512));
  EXPECT_EQ(value("2^-1"), Rational(1, 2));
  EXPECT_EQ(value("1-2-3"), Rational(-4));
  EXPECT_EQ(value("8/4/2"), Rational(1));
  EXPECT_EQ(value("1.5e1 + .5"), Rational(31, 2));
  EXPECT_EQ(value("--3"), Rational(3));
  EXPECT_EQ(value("max(1, min(5, 3))"), Rational(3));
}

TEST(Parse, DeepAndLongInputEndsQuickly) {
  const auto code = [](const std::string& text) {
    Graph graph;
    try {
      ParseExpression(text, graph);
      return std::string("fine");
    } catch (const MathError& error) {
      return error.code();
    }
  };
  EXPECT_EQ(code(std::string(100'000, '(')), "too-large");
  EXPECT_EQ(code(std::string(100'000, '-') + "x"), "too-large");
  std::string powers = "x", sum = "x";
  for (int i = 0; i < 100'000; ++i) powers += "^x";
  EXPECT_EQ(code(powers), "too-large");
  while (sum.size() < 10'000'000) sum += "+x*y";
  EXPECT_EQ(code(sum), "fine");
  EXPECT_EQ(code(std::string(17 << 20, 'x')), "too-large");
  EXPECT_EQ(code("1e999999999"), "too-large");
  EXPECT_EQ(code("é"), "syntax");
}

TEST(Parse, ColumnsCountCharacters) {
  Graph graph;
  try {
    ParseExpression("x + é", graph);
    ADD_FAILURE();
  } catch (const MathError& error) {
    EXPECT_EQ(error.column(), 5u);
    EXPECT_THAT(error.what(), HasSubstr("\"é\""));
  }
}

TEST(Print, WhatIsPrintedIsReadAgainAsTheSame) {
  for (const char* text : {"x - (y - z)", "(x + y)*z^2", "-x^2", "(-x)^2", "x^(y^z)", "(x^y)^z", "x/(y/z)", "2/3*x",
                           "x^(2/3)", "x*(y*z)", "atan2(x, -y)/max(x, 3)", "x^-3", "x - -y"}) {
    Formula first = ReadFormula(text);
    const std::string printed = ToText(first.graph, first.root);
    Formula second = ReadFormula(printed);
    std::vector<double> x = {1.7, 0.6, 2.3};
    Tape a(first.graph, first.root), b(second.graph, second.root);
    EXPECT_DOUBLE_EQ(a.Value(x), b.Value(x)) << text << " became " << printed;
  }
}

TEST(Print, LatexAndPlain) {
  EXPECT_EQ(PartialText("x^2"), "2*x");
  EXPECT_EQ(PartialText("sin(x^2)"), "2*cos(x^2)*x");
  EXPECT_THAT(PartialText("sqrt(x)", Notation::kLatex), HasSubstr("\\frac{1}{2 \\cdot \\sqrt{x}}"));
}

TEST(Symbolic, AThousandVariablesStayLinear) {
  std::string text = "x1";
  for (int i = 2; i <= 1000; ++i) text += "*x" + std::to_string(i);
  Formula f = ReadFormula("sin(" + text + ")");
  const std::vector<NodeId> partials = SymbolicGradient(f.graph, f.root);
  const NamedText named = ToNamedText(f.graph, partials);
  size_t bytes = 0;
  for (const auto& [name, part] : named.parts) bytes += name.size() + part.size();
  for (const std::string& root : named.roots) bytes += root.size();
  EXPECT_LT(bytes, 300'000u);
}

// A sum of n terms is n nodes deep; keeping each node's text took n² bytes.
TEST(Symbolic, LongSumsArePrintedInLinearMemory) {
  std::string text = "sin(x1)*y";
  for (int i = 2; i <= 40'000; ++i) text += fmt::format(" + sin(x{})*y", i);
  Formula f = ReadFormula(text);
  const auto named = ToNamedText(f.graph, SymbolicGradient(f.graph, f.root));
  size_t bytes = 0;
  for (const std::string& root : named.roots) bytes += root.size();
  EXPECT_LT(bytes, 3 * text.size());
  EXPECT_EQ(ToText(f.graph, f.root), text);
}

// Numbers of more than 65,536 bits together are not multiplied out; trying again and again never ended.
TEST(Symbolic, NumbersTooLongToFoldEndAndStayRight) {
  for (const char* text : {"2*1e-22222*x", "1e-22222*2*x", "1e-22222*(2*(1e22222*(3*x)))", "x*1e-22222*2",
                           "1e-22222*x*(1e22222*x)", "(1e-12000*1e-12000)*(1e-12000*x)"}) {
    Formula f = ReadFormula(text);
    const NodeId partial = SymbolicGradient(f.graph, f.root)[0];
    // Before and after simplification: enclosures of the same number.
    const Ball value = EvaluateAll(f.graph, partial, {Rational(1)}, 256).back().ToBall(256);
    const Ball expected = DifferentiateAt(f, BindPoint(f, ReadAssignments("x=1", "at")), 256).gradient[0].ToBall(256);
    EXPECT_TRUE(arb_overlaps(value.raw(), expected.raw())) << text;
  }
}

TEST(Tape, ForwardAndReverseModeAgreeAndMatchDifferences) {
  Random random(2);
  for (const char* text : {"sin(x*y)+exp(x/y)-tanh(z)", "x^y*ln(z+3)/sqrt(y)", "atan2(x,y)+asin(x/4)*acos(z/9)",
                           "cosh(x)-sinh(y)*tan(z/5)", "abs(x-y)*max(y,z)-min(x,3*z)", "atan(x)^2+cos(y)"}) {
    Formula f = ReadFormula(text);
    Tape tape(f.graph, f.root);
    const size_t n = f.graph.variables().size();
    std::vector<double> x(n), v(n), g(n);
    for (size_t i = 0; i < n; ++i) x[i] = 0.5 + random.Uniform(), v[i] = random.Normal();
    double slope = 0, dot = 0;
    tape.Gradient(x, g);
    tape.Slope(x, v, slope);
    for (size_t i = 0; i < n; ++i) dot += g[i] * v[i];
    EXPECT_NEAR(slope, dot, 1e-12 * (1 + std::abs(dot))) << text;
    constexpr double kStep = 1e-5;
    std::vector<double> plus = x, minus = x;
    for (size_t i = 0; i < n; ++i) plus[i] += kStep * v[i], minus[i] -= kStep * v[i];
    EXPECT_NEAR(slope, (tape.Value(plus) - tape.Value(minus)) / (2 * kStep), 1e-7 * (1 + std::abs(dot))) << text;
  }
}

TEST(Kinks, ThatVanishAreDifferentiable) {
  for (const char* text : {"abs(x)*x", "abs(x^2)", "abs(x)^1.5", "max(x^2, -x^2)", "x*sqrt(x^2+y^2)",
                           "x*sqrt(abs(y))*y", "sqrt(x^2+y^2)^2", "sin(abs(x)*x)", "x^2*abs(x)/(1+abs(y))"}) {
    const GradientAt g = At(text, "x=0,y=0");
    EXPECT_TRUE(g.differentiable) << text;
    EXPECT_FALSE(g.smooth) << text;
    for (const Real& value : g.gradient) EXPECT_EQ(value.exact(), Rational(0)) << text;
  }
  EXPECT_EQ(At("x + abs(x)*x", "x=0").gradient[0].exact(), Rational(1));
  EXPECT_EQ(At("max(x + x^2, x)", "x=0").gradient[0].exact(), Rational(1));
}

TEST(Kinks, ThatDoNotVanishAreNot) {
  for (const char* text : {"abs(x)", "sqrt(x^2)", "max(x, 2*x)", "x*sqrt(x)", "x^1.5", "sqrt(abs(x))", "x^(1/3)",
                           "abs(x)-2*abs(y)", "acos(1-x)", "sqrt(x*y)", "abs(x*y)^0.5"}) {
    const GradientAt g = At(text, "x=0,y=0");
    EXPECT_FALSE(g.differentiable) << text;
    EXPECT_NE(g.reason, "") << text;
  }
  EXPECT_FALSE(At("atan2(y, x)", "x=-1,y=0").differentiable) << "it jumps from pi to -pi";
  EXPECT_THAT(At("abs(x*y)^0.5", "x=0,y=0").reason, HasSubstr("between the axes"));
}

TEST(Kinks, AwayFromThePlaceTheyDoNotMatter) {
  EXPECT_TRUE(At("abs(x)*y", "x=-2,y=5").smooth);
  EXPECT_EQ(At("x^3", "x=-2").gradient[0].exact(), Rational(12));
  EXPECT_EQ(At("x^0", "x=0").gradient[0].exact(), Rational(0));
}

TEST(Domain, IsToldWithThePart) {
  for (const char* text : {"1/(x-1)", "ln(x-1)", "sqrt(x-2)", "asin(2*x)", "(0-x)^0.5", "(x-1)^(-2)", "atan2(x-1,0)"}) {
    try {
      At(text, "x=1");
      ADD_FAILURE() << text;
    } catch (const MathError& error) {
      EXPECT_EQ(error.code(), "domain") << text;
      EXPECT_THAT(error.what(), HasSubstr("has no value there"));
    }
  }
  EXPECT_THROW(At("1/(sin(x)^2+cos(x)^2-1)", "x=1"), MathError) << "zero, but not decided";
}

// 2e2222 is no double: taken as infinite, its power would come out as 0, where it is 1.
TEST(Tape, ANumberThatNoDoubleStandsForMakesTheValueUnknown) {
  const Formula f = ReadFormula("x * 2e2222^-2e-323");
  Tape tape(f.graph, f.root);
  std::vector<double> gradient(1);
  EXPECT_TRUE(std::isnan(tape.Gradient(std::vector<double>{1.0}, gradient)));
  for (const char* text : {"max(x, 2e2222)", "max(2e2222, x)", "min(x, 2e2222)", "min(2e2222, x)"}) {
    const Formula either = ReadFormula(text);
    EXPECT_TRUE(std::isnan(Tape(either.graph, either.root).Value(std::vector<double>{1.0}))) << text;
  }
  const Formula small = ReadFormula("x + 1e-400");
  EXPECT_EQ(Tape(small.graph, small.root).Value(std::vector<double>{1.0}), 1.0);
}

TEST(Variables, AreOrderedByNameAndNumber) {
  const Formula f = ReadFormula("x10 + x2 + a");
  std::vector<std::string> names;
  for (const size_t i : f.order) names.push_back(f.graph.variables()[i]);
  EXPECT_EQ(names, (std::vector<std::string>{"a", "x2", "x10"}));
}

}  // namespace
}  // namespace tessera::math::calculus
