#include "tessera/math/quadratic/sparse.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>

#include "tessera/core/random.h"
#include "tessera/math/errors.h"
#include "tessera/math/quadratic/elimination_order.h"
#include "tessera/math/quadratic/read.h"

namespace tessera::math::quadratic {
namespace {

using Entries = std::map<std::pair<int64_t, int64_t>, double>;  // of the lower half

SparseMatrix Build(int64_t n, const Entries& lower) {
  Entries all = lower;
  for (const auto& [at, value] : lower) all[{at.second, at.first}] = value;
  SparseMatrix a{.n = n, .start = std::vector<int64_t>(static_cast<size_t>(n) + 1)};
  for (const auto& [at, value] : all) {
    a.column.push_back(static_cast<int32_t>(at.second));
    a.value.push_back(value);
    ++a.start[static_cast<size_t>(at.first) + 1];
  }
  for (size_t i = 0; i < static_cast<size_t>(n); ++i) a.start[i + 1] += a.start[i];
  return a;
}

SparseProblem WithRandomB(SparseMatrix a, uint64_t seed) {
  Random random(seed);
  SparseProblem p{.a = std::move(a), .c = 3};
  p.b.resize(static_cast<size_t>(p.a.n));
  for (double& value : p.b) value = static_cast<double>(random.Below(21)) - 10;
  return p;
}

DenseProblem Dense(const SparseProblem& p) {
  const auto n = static_cast<size_t>(p.a.n);
  DenseProblem dense{.n = p.a.n, .a = std::vector<double>(n * n), .b = p.b, .c = p.c};
  for (size_t i = 0; i < n; ++i)
    for (auto e = static_cast<size_t>(p.a.start[i]); e < static_cast<size_t>(p.a.start[i + 1]); ++e)
      dense.a[i * n + static_cast<size_t>(p.a.column[e])] = p.a.value[e];
  return dense;
}

// About `degree` entries a row, and `diagonal` on it.
SparseMatrix RandomMatrix(int64_t n, int degree, double diagonal, uint64_t seed) {
  Random random(seed);
  Entries lower;
  const auto size = static_cast<uint64_t>(n);
  for (int64_t k = 0; k < n * degree / 2; ++k) {
    const auto i = static_cast<int64_t>(random.Below(size)), j = static_cast<int64_t>(random.Below(size));
    if (i != j) lower[{std::max(i, j), std::min(i, j)}] = random.Normal();
  }
  if (diagonal != 0)
    for (int64_t i = 0; i < n; ++i) lower[{i, i}] = diagonal + random.Normal();
  return Build(n, lower);
}

// The five-point Laplacian of a k × k grid, less `shift`.
SparseMatrix ShiftedGrid(int64_t k, double shift) {
  Entries lower;
  for (int64_t y = 0; y < k; ++y)
    for (int64_t x = 0; x < k; ++x) {
      const int64_t i = y * k + x;
      lower[{i, i}] = 4 - shift;
      if (x + 1 < k) lower[{i + 1, i}] = -1;
      if (y + 1 < k) lower[{i + k, i}] = -1;
    }
  return Build(k * k, lower);
}

TEST(Sparse, AgreesWithTheDenseSolverForEveryRegularKind) {
  for (const int64_t n : {1, 2, 3, 10, 60, 200})
    for (const int degree : {1, 3, 8})
      for (const double diagonal : {20.0, -20.0, 1.0, 0.0}) {
        const SparseMatrix a = RandomMatrix(n, degree, diagonal, static_cast<uint64_t>(n * 10 + degree));
        if (a.value.empty()) continue;
        const SparseProblem p = WithRandomB(a, 5);
        const auto dense = SolveDense(Dense(p));
        const SparseOutcome sparse = SolveSparse(p);
        // Without a diagonal a row may be empty, and A singular: then neither may answer.
        EXPECT_EQ(dense.has_value(), sparse.solution.has_value()) << n << " " << degree << " " << diagonal;
        if (!dense || !sparse.solution) continue;
        EXPECT_EQ(dense->kind, sparse.solution->kind);
        EXPECT_EQ(dense->inertia.positive, sparse.solution->inertia.positive);
        EXPECT_NEAR(dense->value, sparse.solution->value, 1e-6 * (1 + std::abs(dense->value)));
        EXPECT_LT(sparse.solution->residual, 1e-14);
      }
}

// Eigenvalues of the grid are known, so is the number below the shift.
TEST(Sparse, CountsTheEigenvaluesOfAShiftedGrid) {
  constexpr int64_t kSide = 40;
  for (const double shift : {0.0, 0.013, 1.503, 3.999, 6.2, 8.0}) {
    int64_t below = 0;
    const auto half = [](int64_t i) {
      return 2 - 2 * std::cos(static_cast<double>(i) * std::numbers::pi / (kSide + 1));
    };
    for (int64_t i = 1; i <= kSide; ++i)
      for (int64_t j = 1; j <= kSide; ++j) below += half(i) + half(j) < shift ? 1 : 0;
    const SparseOutcome outcome = SolveSparse(WithRandomB(ShiftedGrid(kSide, shift), 2));
    ASSERT_TRUE(outcome.solution) << shift << ": " << outcome.why_not;
    EXPECT_EQ(outcome.solution->inertia.negative, below) << shift;
    EXPECT_EQ(outcome.solution->inertia.positive, kSide * kSide - below) << shift;
    EXPECT_EQ(outcome.solution->inertia.zero, 0);
  }
}

// [H B'; B 0]: as many negative eigenvalues as B has rows.
TEST(Sparse, ConstraintsWithoutADiagonalAreSaddles) {
  constexpr int64_t kSide = 20, kUnknowns = kSide * kSide, kConstraints = 90;
  const SparseMatrix grid = ShiftedGrid(kSide, 0);
  Entries lower;
  for (int64_t i = 0; i < kUnknowns; ++i)
    for (int64_t e = grid.start[static_cast<size_t>(i)]; e < grid.start[static_cast<size_t>(i) + 1]; ++e)
      if (grid.column[static_cast<size_t>(e)] <= i)
        lower[{i, grid.column[static_cast<size_t>(e)]}] = grid.value[static_cast<size_t>(e)];
  for (int64_t c = 0; c < kConstraints; ++c)
    for (const int64_t j : {4 * c, 4 * c + 1, (4 * c + 23) % kUnknowns})
      lower[{kUnknowns + c, j}] = 1 + 0.01 * static_cast<double>(c);
  const SparseProblem p = WithRandomB(Build(kUnknowns + kConstraints, lower), 1);
  const SparseOutcome outcome = SolveSparse(p);
  ASSERT_TRUE(outcome.solution) << outcome.why_not;
  EXPECT_EQ(outcome.solution->kind, Kind::kSaddle);
  EXPECT_EQ(outcome.solution->inertia.negative, kConstraints);
  const auto form = [&](const std::vector<double>& v) {
    std::vector<double> av;
    p.a.Multiply(v, av);
    double sum = 0;
    for (size_t i = 0; i < v.size(); ++i) sum += v[i] * av[i];
    return sum;
  };
  ASSERT_FALSE(outcome.descent.empty());
  ASSERT_FALSE(outcome.ascent.empty());
  EXPECT_LT(form(outcome.descent), 0);
  EXPECT_GT(form(outcome.ascent), 0);
}

TEST(Sparse, WhatIsSingularOrNearlySoIsNotDecided) {
  Entries ring;  // a Laplacian of a ring: the constant vector is in its null space
  for (int64_t i = 0; i < 500; ++i) {
    ring[{i, i}] = 2;
    ring[{std::max(i, (i + 1) % 500), std::min(i, (i + 1) % 500)}] = -1;
  }
  EXPECT_FALSE(SolveSparse(WithRandomB(Build(500, ring), 1)).solution);
  ring[{0, 0}] = 2 + 0x1p-50;
  EXPECT_FALSE(SolveSparse(WithRandomB(Build(500, ring), 1)).solution);
  Entries empty_row = {{{0, 0}, 1.0}, {{2, 2}, -1.0}};
  const SparseOutcome outcome = SolveSparse(WithRandomB(Build(3, empty_row), 1));
  EXPECT_FALSE(outcome.solution);
  EXPECT_FALSE(outcome.why_not.empty());
}

TEST(Sparse, RowsThatTouchAllOthersAreEliminatedLast) {
  constexpr int64_t kSize = 30'000;
  Entries arrow;
  for (int64_t i = 0; i < kSize; ++i) {
    arrow[{i, i}] = 4;
    arrow[{std::max<int64_t>(i, 5), std::min<int64_t>(i, 5)}] = i == 5 ? 1e5 : 1;
  }
  const SparseOutcome outcome = SolveSparse(WithRandomB(Build(kSize, arrow), 1));
  ASSERT_TRUE(outcome.solution) << outcome.why_not;
  EXPECT_EQ(outcome.solution->kind, Kind::kUniqueMinimum);
  EXPECT_LT(outcome.factor_values, 3 * kSize);
}

TEST(Sparse, WhatWouldNotFitIsNotBegun) {
  const SparseOutcome outcome = SolveSparse(WithRandomB(ShiftedGrid(30, 0), 1), {.factor_bytes = 1000});
  EXPECT_FALSE(outcome.solution);
  EXPECT_NE(outcome.why_not.find("GiB"), std::string::npos);
}

TEST(Sparse, WhatCannotBeMeantIsRefused) {
  const auto code = [](SparseProblem p) {
    try {
      RequireQuadratic(p);
      return std::string("nothing");
    } catch (const MathError& error) {
      return error.code();
    }
  };
  SparseProblem p = WithRandomB(ShiftedGrid(4, 0), 1);
  EXPECT_EQ(code(p), "nothing");
  SparseProblem wrong = p;
  wrong.a.value[1] = -2;
  EXPECT_EQ(code(wrong), "not-symmetric");
  wrong = p;
  wrong.a.value[0] = NAN;
  EXPECT_EQ(code(wrong), "not-finite");
  wrong = p;
  wrong.b.pop_back();
  EXPECT_EQ(code(wrong), "dimension");
  wrong = p;
  std::ranges::fill(wrong.a.value, 0.0);
  EXPECT_EQ(code(wrong), "zero-matrix");
}

TEST(EliminationOrder, IsAPermutationThatKeepsPartnersTogether) {
  const SparseMatrix a = RandomMatrix(300, 4, 1, 3);
  std::vector<int32_t> partner(300);
  for (int32_t i = 0; i < 300; ++i) partner[static_cast<size_t>(i)] = i < 100 ? i ^ 1 : i;
  const EliminationOrder order = MinimumDegree(a, partner);
  std::vector<int32_t> sorted = order.order;
  std::ranges::sort(sorted);
  for (int32_t i = 0; i < 300; ++i) ASSERT_EQ(sorted[static_cast<size_t>(i)], i);
  for (size_t k = 0; k < 300; ++k) {
    const int32_t other = partner[static_cast<size_t>(order.order[k])];
    if (other == order.order[k]) continue;
    const bool next = (k + 1 < 300 && order.order[k + 1] == other) || (k > 0 && order.order[k - 1] == other);
    EXPECT_TRUE(next) << order.order[k];
  }
}

TEST(ReadSparse, EntriesOfBothForms) {
  const SparseMatrix a =
      ReadSparse("%%MatrixMarket matrix coordinate real symmetric\n% note\n3 3 3\n1 1 4\n3 1 -1\n2 2 0\n", "a.mtx");
  EXPECT_EQ(a.start, (std::vector<int64_t>{0, 2, 2, 3}));
  EXPECT_EQ(a.column, (std::vector<int32_t>{0, 2, 0}));
  EXPECT_EQ(a.Diagonal(0), 4);
  EXPECT_EQ(a.Diagonal(1), 0);
  EXPECT_TRUE(IsSparseTable("%%MatrixMarket matrix coordinate real general\n1 1 0\n"));
  EXPECT_FALSE(IsSparseTable("%%MatrixMarket matrix array real general\n1 1\n"));
  EXPECT_FALSE(IsSparseTable("1,2\n3,4\n"));
}

TEST(ReadSparse, MistakesAreNamed) {
  const auto said = [](const char* text) {
    try {
      ReadSparse(text, "a.mtx");
      return std::string("nothing");
    } catch (const MathError& error) {
      return error.code();
    }
  };
  const std::string head = "%%MatrixMarket matrix coordinate real general\n";
  EXPECT_EQ(said((head + "2 3 0\n").c_str()), "dimension");
  EXPECT_EQ(said((head + "0 0 0\n").c_str()), "dimension");
  EXPECT_EQ(said((head + "2 2 2\n1 1 1\n1 1 2\n").c_str()), "syntax");
  EXPECT_EQ(said((head + "2 2 5\n1 1 1\n").c_str()), "syntax");
  EXPECT_EQ(said((head + "2 2 1\n3 1 1\n").c_str()), "syntax");
  EXPECT_EQ(said((head + "2 2 1\n1 1 nan\n").c_str()), "not-finite");
  EXPECT_EQ(said((head + "2 2 400000000\n1 1 1\n").c_str()), "syntax");
  EXPECT_EQ(said((head + "2 2 99999999999\n1 1 1\n").c_str()), "syntax");
}

TEST(ReadTables, AByteOrderMarkIsNoPartOfTheFirstNumber) {
  const Table table = ReadTable(
      "\xEF\xBB\xBF"
      "2,1\r\n1,3\r\n",
      "marked.csv");
  EXPECT_EQ(table.rows, 2);
  EXPECT_EQ(table.values[0], Rational(2));
  EXPECT_TRUE(IsSparseTable("\xEF\xBB\xBF%%MatrixMarket matrix coordinate real general\n1 1 1\n1 1 2\n"));
}

}  // namespace
}  // namespace tessera::math::quadratic
