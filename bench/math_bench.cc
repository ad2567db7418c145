// How fast the mathematics lab is: CPU seconds beside wall seconds, the least of a few rounds.

#include <fmt/core.h>

#include <cmath>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "tessera/core/random.h"
#include "tessera/core/thread_pool.h"
#include "tessera/kernels/machine_probe.h"
#include "tessera/math/calculus/gradient.h"
#include "tessera/math/calculus/print.h"
#include "tessera/math/calculus/rules.h"
#include "tessera/math/calculus/tape.h"
#include "tessera/math/harmonic/harmonic.h"
#include "tessera/math/number/digits.h"
#include "tessera/math/numeric/lapack.h"
#include "tessera/math/quadratic/dense.h"
#include "tessera/math/quadratic/laplacian.h"
#include "tessera/math/quadratic/sparse.h"
#include "tessera/math/walk/law.h"
#include "tessera/math/walk/line.h"
#include "tessera/math/walk/simulate.h"

namespace {

using namespace tessera;  // NOLINT: a program of its own

double Seconds(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Timing {
  double wall = 1e9, cpu = 1e9;
};

Timing Time(const std::string& what, int rounds, const std::function<void()>& body) {
  Timing best;
  for (int i = 0; i < rounds; ++i) {
    const double wall = Seconds(CLOCK_MONOTONIC), cpu = Seconds(CLOCK_PROCESS_CPUTIME_ID);
    body();
    best.wall = std::min(best.wall, Seconds(CLOCK_MONOTONIC) - wall);
    best.cpu = std::min(best.cpu, Seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
  }
  fmt::print("{:52} {:10.3f} ms wall {:10.3f} ms cpu\n", what, best.wall * 1e3, best.cpu * 1e3);
  return best;
}

void Walks() {
  Time("law of 10^6 steps in doubles", 5, [] { math::walk::Law(1'000'000, math::walk::kFairP); });
  Time("exact law of 10^4 steps", 5, [] { math::walk::ExactLaw(10'000, math::walk::kFairP); });
  const math::walk::SimulateOptions options{.walkers = 200'000, .steps = 10'000};
  const Timing t = Time("200,000 walks of 10^4 steps, maximum and returns", 3, [&] { math::walk::Simulate(options); });
  fmt::print("{:52} {:10.3g} steps a second of CPU\n", "", 2e9 / t.cpu);
}

void Harmonics() {
  Time("H(10^100) to 1,000 digits", 5, [] {
    const auto n = math::harmonic::ParseHarmonicCount("10^100");
    math::CertifiedDigits([&](int64_t precision) { return math::harmonic::Enclose(n, precision); }, 1000);
  });
  Time("exact H(10^6), printed", 2, [] { math::harmonic::Exact(1'000'000).ToFraction(); });
}

// A random positive definite matrix, cheaply: dominant diagonal.
math::quadratic::DenseProblem Definite(int64_t n) {
  Random random(1);
  const auto size = static_cast<size_t>(n);
  math::quadratic::DenseProblem p{.n = n, .a = std::vector<double>(size * size), .b = std::vector<double>(size, 1.0)};
  for (size_t i = 0; i < size; ++i) {
    for (size_t j = 0; j < i; ++j) p.a[i * size + j] = p.a[j * size + i] = random.Uniform() - 0.5;
    p.a[i * size + i] = std::sqrt(static_cast<double>(n)) * 1.5;
  }
  return p;
}

void Dense() {
  const math::quadratic::DenseProblem p = Definite(4000);
  const int n = 4000;
  constexpr int kRounds = 5;
  std::vector<math::quadratic::DenseProblem> problems(2 * kRounds, p);  // each uses up its matrix
  const Timing plain = Time("LAPACK's Cholesky alone, n = 4,000", kRounds, [&] {
    int info = 0;
    math::numeric::FindLapack().dpotrf("L", &n, problems.back().a.data(), &n, &info);
    problems.pop_back();
  });
  const Timing ours = Time("kind and extremum with proof, n = 4,000", kRounds, [&] {
    math::quadratic::SolveDense(std::move(problems.back()));
    problems.pop_back();
  });
  fmt::print("{:52} {:10.3f} times the factorisation (CPU {:.3f})\n", "", ours.wall / plain.wall, ours.cpu / plain.cpu);
}

// A grid of springs of random strength, as a sparse matrix; `ground` is added to the diagonal.
math::quadratic::SparseProblem Springs(int64_t side, double ground) {
  Random random(1);
  const int64_t n = side * side;
  std::vector<double> right(static_cast<size_t>(n)), down(static_cast<size_t>(n));
  for (double& spring : right) spring = 0.5 + random.Uniform();
  for (double& spring : down) spring = 0.5 + random.Uniform();
  math::quadratic::SparseProblem p{.a = {.n = n, .start = {0}}, .b = std::vector<double>(static_cast<size_t>(n), -1.0)};
  const auto put = [&](int64_t column, double value) {
    p.a.column.push_back(static_cast<int32_t>(column));
    p.a.value.push_back(value);
  };
  for (int64_t i = 0; i < n; ++i) {
    const int64_t x = i % side, y = i / side;
    const double up = y > 0 ? down[static_cast<size_t>(i - side)] : 0,
                 left = x > 0 ? right[static_cast<size_t>(i - 1)] : 0;
    const double east = right[static_cast<size_t>(i)], south = down[static_cast<size_t>(i)];
    if (y > 0) put(i - side, -up);
    if (x > 0) put(i - 1, -left);
    put(i, up + left + (x + 1 < side ? east : 0) + (y + 1 < side ? south : 0) + ground);
    if (x + 1 < side) put(i + 1, -east);
    if (y + 1 < side) put(i + side, -south);
    p.a.start.push_back(std::ssize(p.a.column));
  }
  return p;
}

void Sparse() {
  const auto ask = [](const std::string& what, double ground) {
    const math::quadratic::SparseProblem p = Springs(450, ground);
    std::string kind;
    Time(what, 3, [&] {
      const auto outcome = math::quadratic::SolveSparse(p);
      kind = outcome.solution ? std::string(Name(outcome.solution->kind)) : outcome.why_not;
    });
    fmt::print("{:52} {}\n", "", kind);
  };
  ask("sparse kind and extremum, 202,500 unknowns", 1e-3);
  ask("the same less 1.503: a saddle", -1.503);
}

void Laplacian() {
  const math::quadratic::Grid grid{1000, 1000};
  const std::vector<double> b(1'000'000, -1.0);
  const double bandwidth = kernels::MeasureReadBandwidth();
  size_t iterations = 0;
  const Timing plain = Time("conjugate gradients, 10^6 unknowns, 200 iterations", 2, [&] {
    iterations =
        ConjugateGradient(math::quadratic::LaplacianOperator(grid), b, {.most_iterations = 200}).residuals.size() - 1;
  });
  const double traffic = 9.0 * 8e6 * static_cast<double>(iterations) / plain.wall;
  fmt::print("{:52} {:10.2f} GB/s, {:.0f} % of the bandwidth for reading\n", "", traffic * 1e-9,
             100 * traffic / bandwidth);
  Time("multigrid to 1e-8, 10^6 unknowns", 3, [&] {
    math::quadratic::Multigrid cycle(grid);
    ConjugateGradient(math::quadratic::LaplacianOperator(grid), b,
                      {.precondition = [&](auto z, auto r) { cycle.Apply(z, r); }});
  });
}

void Gradients() {
  std::string text = "0";
  for (int i = 1; i <= 1000; ++i)
    text += fmt::format("+sin(x{}*x{})*exp(x{}/(1+x{}^2))", i, i % 1000 + 1, i, i % 1000 + 1);
  math::calculus::Formula f;
  Time("a formula of 1,000 variables: reading", 5, [&] { f = math::calculus::ReadFormula(text); });
  math::calculus::Tape tape(f.graph, f.root);
  std::vector<double> x(1000, 0.7), g(1000);
  Time("its gradient in numbers", 20, [&] { tape.Gradient(x, g); });
  size_t bytes = 0;
  Time("its gradient in symbols", 3, [&] {
    math::calculus::Graph graph = f.graph;
    const auto named = ToNamedText(graph, SymbolicGradient(graph, f.root));
    bytes = 0;
    for (const auto& [name, part] : named.parts) bytes += name.size() + part.size();
    for (const std::string& root : named.roots) bytes += root.size();
  });
  fmt::print("{:52} {:10} bytes of text\n", "", bytes);
}

}  // namespace

int main() {
  fmt::print("{} threads\n", ThreadCount());
  Walks();
  Harmonics();
  Dense();
  Sparse();
  Laplacian();
  Gradients();
}
