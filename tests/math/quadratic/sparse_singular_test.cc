#include "tessera/math/quadratic/sparse_singular.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>

namespace tessera::math::quadratic {
namespace {

using Entries = std::map<std::pair<int32_t, int32_t>, Rational>;

// Σ over springs of weight (x_i/s_i - x_j/s_j)²: its null vector on a connected net is s.
struct Net {
  int32_t n = 0;
  Entries entries;
  std::vector<Rational> scale;

  explicit Net(int32_t size) : n(size), scale(static_cast<size_t>(size), 1) {}
  void Spring(int32_t i, int32_t j, const Rational& weight) {
    const Rational a = Rational(1) / scale[static_cast<size_t>(i)], b = Rational(1) / scale[static_cast<size_t>(j)];
    const auto add = [&](int32_t row, int32_t column, const Rational& value) {
      Rational& sum = entries[{row, column}];
      sum = sum + value;
    };
    add(i, i, weight * a * a);
    add(j, j, weight * b * b);
    add(i, j, -(weight * a * b));
    add(j, i, -(weight * a * b));
  }
  SparseExact Exact(const std::vector<Rational>& b) const {
    SparseExact exact{.b = b};
    for (const auto& [at, value] : entries)
      if (!value.is_zero()) exact.a.push_back(value);
    return exact;
  }
  SparseProblem Rounded(const std::vector<Rational>& b) const {
    SparseProblem p{.a = {.n = n, .start = std::vector<int64_t>(static_cast<size_t>(n) + 1)}};
    for (const auto& [at, value] : entries) {
      if (value.is_zero()) continue;
      p.a.column.push_back(at.second);
      p.a.value.push_back(value.ToDouble());
      ++p.a.start[static_cast<size_t>(at.first) + 1];
    }
    for (size_t i = 0; i < static_cast<size_t>(n); ++i) p.a.start[i + 1] += p.a.start[i];
    for (const Rational& value : b) p.b.push_back(value.ToDouble());
    return p;
  }
};

Net Grid(int32_t side, const std::function<Rational(int32_t)>& scale, const Rational& weight) {
  Net net(side * side);
  for (int32_t i = 0; i < net.n; ++i) net.scale[static_cast<size_t>(i)] = scale(i);
  for (int32_t i = 0; i < net.n; ++i) {
    if (i % side + 1 < side) net.Spring(i, i + 1, weight);
    if (i + side < net.n) net.Spring(i, i + side, weight);
  }
  return net;
}

std::optional<SingularSolution> Solve(const Net& net, const std::vector<Rational>& b) {
  const SparseProblem p = net.Rounded(b);
  const SparseOutcome outcome = SolveSparse(p);
  EXPECT_FALSE(outcome.solution);
  return SolveSingular(p, net.Exact(b), outcome);
}

std::vector<Rational> Zeros(const Net& net) { return std::vector<Rational>(static_cast<size_t>(net.n)); }

TEST(SparseSingular, AGridThatNothingHoldsHasAFlatMinimum) {
  const Net net = Grid(
      40, [](int32_t) { return Rational(1); }, 1);
  std::vector<Rational> b = Zeros(net);
  b.front() = 1;
  b.back() = -1;  // b'1 = 0: the forces cancel
  const auto s = Solve(net, b);
  ASSERT_TRUE(s);
  EXPECT_EQ(s->solution.kind, Kind::kFlatMinimum);
  EXPECT_EQ(s->solution.inertia.positive, 1599);
  EXPECT_EQ(s->solution.inertia.zero, 1);
  EXPECT_EQ(s->null_space[0], std::vector<Rational>(1600, 1));
  EXPECT_LT(s->solution.residual, 1e-14);
  EXPECT_LT(s->solution.value, 0);
  double sum = 0;
  for (const double x : s->solution.x) sum += x;
  EXPECT_NEAR(sum, 0, 1e-9);  // of least norm
}

TEST(SparseSingular, AForceThatNothingHoldsLeavesNoStationaryPoint) {
  const Net net = Grid(
      12, [](int32_t) { return Rational(1); }, 1);
  std::vector<Rational> b = Zeros(net);
  b[7] = 3;
  const auto s = Solve(net, b);
  ASSERT_TRUE(s);
  EXPECT_EQ(s->solution.kind, Kind::kNoStationaryPoint);
  EXPECT_FALSE(s->b_in_range);
  ASSERT_EQ(s->descent.size(), 144u);
  EXPECT_LT(s->descent[7], 0);  // b'v < 0 and Av = 0
  EXPECT_GT(s->ascent[7], 0);
}

// Weights of tenths are no doubles: the null vectors are proven of the fractions, not of their roundings.
TEST(SparseSingular, FractionsAndSeveralPiecesAreProven) {
  Net net = Grid(
      10, [](int32_t i) { return Rational(i % 5 + 1, i % 3 + 1); }, Rational(1, 10));
  const int32_t first = net.n;
  net.n += 50;
  net.scale.resize(static_cast<size_t>(net.n), 1);
  for (int32_t i = first; i + 1 < net.n; ++i) net.Spring(i, i + 1, Rational(3, 7));
  const auto s = Solve(net, Zeros(net));
  ASSERT_TRUE(s);
  EXPECT_EQ(s->solution.kind, Kind::kFlatMinimum);
  EXPECT_EQ(s->solution.inertia.zero, 2);
  EXPECT_EQ(s->solution.inertia.positive, 148);
}

TEST(SparseSingular, IndefiniteAndNegativeOnesAreToldApart) {
  Net net = Grid(
      10, [](int32_t) { return Rational(1); }, -2);
  EXPECT_EQ(Solve(net, Zeros(net))->solution.kind, Kind::kFlatMaximum);
  const int32_t i = net.n++;
  net.scale.push_back(1);
  net.entries[{i, i}] = 5;
  const auto s = Solve(net, Zeros(net));
  ASSERT_TRUE(s);
  EXPECT_EQ(s->solution.kind, Kind::kSaddle);
  EXPECT_EQ(s->solution.inertia.positive, 1);
  EXPECT_EQ(s->solution.inertia.negative, 99);
  EXPECT_EQ(s->solution.inertia.zero, 1);
  EXPECT_FALSE(s->descent.empty());
  EXPECT_FALSE(s->ascent.empty());
}

// An eigenvalue of 1e-15 is none of 0, and must not be taken for it.
TEST(SparseSingular, WhatIsOnlyNearlySingularIsNotDecided) {
  Net net = Grid(
      10, [](int32_t) { return Rational(1); }, 1);
  net.entries[{0, 0}] = net.entries[{0, 0}] + Rational(1) / Power(Rational(10), 15);
  EXPECT_FALSE(Solve(net, Zeros(net)));
}

TEST(SparseSingular, VariablesThatOccurNowhereAreFree) {
  Net net = Grid(
      6, [](int32_t) { return Rational(1); }, 1);
  net.n += 500;  // rows of zeros
  net.scale.resize(static_cast<size_t>(net.n), 1);
  std::vector<Rational> b = Zeros(net);
  const auto flat = Solve(net, b);
  ASSERT_TRUE(flat);
  EXPECT_EQ(flat->solution.kind, Kind::kFlatMinimum);
  EXPECT_EQ(flat->solution.inertia.zero, 501);
  EXPECT_EQ(flat->free_variables.size(), 500u);
  EXPECT_EQ(flat->null_space.size(), 1u);
  b[100] = -2;
  const auto sloped = Solve(net, b);
  ASSERT_TRUE(sloped);
  EXPECT_EQ(sloped->solution.kind, Kind::kNoStationaryPoint);
  EXPECT_EQ(sloped->descent[100], 1);
}

}  // namespace
}  // namespace tessera::math::quadratic
