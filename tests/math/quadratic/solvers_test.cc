#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "tessera/core/random.h"
#include "tessera/core/thread_pool.h"
#include "tessera/math/errors.h"
#include "tessera/math/quadratic/dense.h"
#include "tessera/math/quadratic/laplacian.h"
#include "tessera/math/quadratic/read.h"

namespace tessera::math::quadratic {
namespace {

// G'G + shift·I for a random square G of integers, so that A is exact.
DenseProblem RandomProblem(int64_t n, double shift, uint64_t seed) {
  Random random(seed);
  const auto size = static_cast<size_t>(n);
  std::vector<double> g(size * size);
  for (double& value : g) value = static_cast<double>(random.Below(9)) - 4;
  DenseProblem p{.n = n, .a = std::vector<double>(size * size), .b = std::vector<double>(size), .c = 2};
  for (size_t i = 0; i < size; ++i) {
    p.b[i] = static_cast<double>(random.Below(21)) - 10;
    for (size_t j = 0; j < size; ++j)
      for (size_t k = 0; k < size; ++k) p.a[i * size + j] += g[k * size + i] * g[k * size + j];
    p.a[i * size + i] += shift;
  }
  return p;
}

ExactProblem Lifted(const DenseProblem& p) {
  ExactProblem exact{.n = p.n, .c = FromDouble(p.c)};
  for (const double value : p.a) exact.a.push_back(FromDouble(value));
  for (const double value : p.b) exact.b.push_back(FromDouble(value));
  return exact;
}

TEST(Dense, AgreesWithRationalArithmeticForEveryRegularKind) {
  for (const double shift : {1.0, -300.0}) {
    for (const int64_t n : {1, 2, 7, 30}) {
      const DenseProblem p = RandomProblem(n, shift, static_cast<uint64_t>(n));
      const auto dense = SolveDense(p);
      const ExactSolution exact = SolveExact(Lifted(p));
      ASSERT_TRUE(dense) << n << " " << shift;
      EXPECT_EQ(dense->kind, exact.kind);
      EXPECT_EQ(dense->inertia.positive, exact.inertia.positive);
      EXPECT_NEAR(dense->value, exact.value.ToDouble(), 1e-9 * std::abs(exact.value.ToDouble()) + 1e-12);
      for (size_t i = 0; i < dense->x.size(); ++i) EXPECT_NEAR(dense->x[i], exact.x[i].ToDouble(), 1e-9);
    }
  }
}

TEST(Dense, AMaximumIsNoMinimum) {
  const auto s = SolveDense({.n = 2, .a = {-2, 0, 0, -1}, .b = {1, 1}});
  ASSERT_TRUE(s);
  EXPECT_EQ(s->kind, Kind::kUniqueMaximum);
  EXPECT_NEAR(s->x[1], 0.5, 1e-14);
}

TEST(Dense, WhatIsTooCloseToSingularIsNotDecided) {
  EXPECT_FALSE(SolveDense({.n = 2, .a = {1, 1, 1, 1}, .b = {2, 2}}));
  EXPECT_FALSE(SolveDense({.n = 2, .a = {1, 1, 1, 1 + 0x1p-52}, .b = {2, 2}}));
}

TEST(Dense, NotFiniteAndNotSymmetricAreRefused) {
  EXPECT_THROW(SolveDense({.n = 1, .a = {NAN}, .b = {0}}), MathError);
  EXPECT_THROW(SolveDense({.n = 2, .a = {1, 2, 3, 1}, .b = {0, 0}}), MathError);
  EXPECT_THROW(SolveDense({.n = 2, .a = {1, 0, 0, 1}, .b = {0}}), MathError);
}

TEST(ConjugateGradients, SolveTheLaplacianWithAndWithoutMultigrid) {
  for (const Grid grid : {Grid{1, 1}, Grid{2, 5}, Grid{31, 31}, Grid{64, 100}, Grid{127, 40}, Grid{3, 200}}) {
    Random random(1);
    std::vector<double> b(static_cast<size_t>(grid.size())), q(b.size());
    for (double& value : b) value = random.Normal();
    Multigrid cycle(grid);
    for (const bool multigrid : {false, true}) {
      CgOptions options{.tolerance = 1e-12};
      if (multigrid) options.precondition = [&](Values z, ConstValues r) { cycle.Apply(z, r); };
      const CgResult result = ConjugateGradient(LaplacianOperator(grid), b, options);
      ASSERT_TRUE(result.converged);
      ApplyLaplacian(grid, result.x, q);
      for (size_t i = 0; i < b.size(); ++i) ASSERT_NEAR(2 * q[i], -b[i], 1e-9);
      if (multigrid && grid.width > 3) {
        EXPECT_LT(result.residuals.size(), 25u) << grid.width;
      }
    }
  }
}

TEST(ConjugateGradients, TheSameForAnyNumberOfThreads) {
  const Grid grid{70, 300};
  std::vector<double> b(static_cast<size_t>(grid.size()), -1);
  const int threads = ThreadCount();
  SetThreadCount(1);
  const CgResult one = ConjugateGradient(LaplacianOperator(grid), b);
  SetThreadCount(3);
  const CgResult three = ConjugateGradient(LaplacianOperator(grid), b);
  SetThreadCount(threads);
  EXPECT_EQ(one.x, three.x);
}

TEST(ConjugateGradients, ADirectionOfNegativeCurvatureIsReturned) {
  const Operator indefinite = {2, [](ConstValues r, double beta, Values p, Values q) {
                                 for (size_t i = 0; i < 2; ++i) p[i] = r[i] + beta * p[i];
                                 q[0] = p[0];
                                 q[1] = -p[1];
                                 return p[0] * q[0] + p[1] * q[1];
                               }};
  const std::vector<double> b = {1, 3};
  const CgResult result = ConjugateGradient(indefinite, b);
  ASSERT_EQ(result.negative.size(), 2u);
  EXPECT_LT(result.negative[0] * result.negative[0] - result.negative[1] * result.negative[1], 0);
}

TEST(ReadExpression, MultipliesOutAndKeepsEveryNumberExact) {
  const NamedProblem named = ReadExpression("(x - 2*y)^2/3 + 0.1*x*y - (y + 1)*3 + 2^3");
  const ExactProblem& p = named.problem;
  EXPECT_EQ(named.variables, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(p.a[0], Rational(1, 3));
  EXPECT_EQ(p.a[1], Rational(-2, 3) + Rational(1, 20));
  EXPECT_EQ(p.a[3], Rational(4, 3));
  EXPECT_EQ(p.b[1], Rational(-3));
  EXPECT_EQ(p.c, Rational(5));
}

TEST(ReadExpression, WhatIsNotQuadraticIsRefused) {
  for (const char* wrong : {"x^3", "x*y*z", "1/x", "sin(x)", "x^y", "x^0.5", "7", "pi*x^2", "x+"})
    EXPECT_THROW(ReadExpression(wrong), MathError) << wrong;
  EXPECT_THROW(ReadExpression("1/(1-1)*x^2"), MathError);
}

TEST(ReadTable, ValuesAndMatrixMarket) {
  const Table csv = ReadTable("# a comment\n1, 1/2\n0.5;2\n", "a.csv");
  EXPECT_EQ(csv.rows, 2);
  EXPECT_EQ(csv.values[1], csv.values[2]);
  const Table sparse =
      ReadTable("%%MatrixMarket matrix coordinate real symmetric\n% note\n2 2 2\n1 1 4\n2 1 -1\n", "a.mtx");
  EXPECT_EQ(sparse.values[1], Rational(-1));
  EXPECT_EQ(sparse.values[3], Rational(0));
  const DoubleTable array = ReadDoubleTable("%%MatrixMarket matrix array real symmetric\n2 2\n1\n2\n3\n", "a.mtx");
  EXPECT_EQ(array.values, (std::vector<double>{1, 2, 2, 3}));
}

TEST(ReadTable, ErrorsNameTheLine) {
  const auto said = [](const char* text) {
    try {
      ReadTable(text, "a.csv");
      return std::string("nothing");
    } catch (const MathError& error) {
      return error.code() + ": " + error.what();
    }
  };
  EXPECT_EQ(said("1,2\n3\n").substr(0, 26), "dimension: a.csv: line 2: ");
  EXPECT_EQ(said("1,nan\n").substr(0, 10), "not-finite");
  EXPECT_EQ(said("1,,2\n").substr(0, 6), "syntax");
  EXPECT_EQ(said("1,two\n").substr(0, 6), "syntax");
  EXPECT_EQ(said("").substr(0, 9), "dimension");
  EXPECT_EQ(said("%%MatrixMarket matrix coordinate real general\n2 2 5\n1 1 1\n").substr(0, 6), "syntax");
  EXPECT_EQ(said("%%MatrixMarket matrix coordinate real general\n99999999 99999999 0\n").substr(0, 9), "too-large");
}

}  // namespace
}  // namespace tessera::math::quadratic
