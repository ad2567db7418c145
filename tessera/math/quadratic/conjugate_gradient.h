#pragma once
// Minimises x'Ax + b'x for a positive definite A that is known only by its product, by conjugate gradients
// (Hestenes and Stiefel 1952) on 2Ax = -b, in passes that read each vector once.

#include <functional>
#include <span>
#include <vector>

namespace tessera::math::quadratic {

using Values = std::span<double>;
using ConstValues = std::span<const double>;

// A symmetric matrix by its products.
struct Operator {
  int64_t n = 0;
  // q = A(r + beta p) and p = r + beta p, in one pass; returns p'q.
  std::function<double(ConstValues r, double beta, Values p, Values q)> step;
};

struct CgOptions {
  double tolerance = 1e-8;      // of the residual's norm relative to that of the first one
  int64_t most_iterations = 0;  // 0: 10 n, at most 100,000
  std::function<void(Values z, ConstValues r)> precondition;            // z = M^-1 r; none: z = r
  std::function<void(int64_t iteration, double residual)> on_progress;  // relative residual
};

struct CgResult {
  std::vector<double> x, residuals;  // relative residual after each iteration, the first 1
  std::vector<double> negative;      // a direction p with p'Ap < 0 if one was met: then nothing else holds
  bool converged = false;
};

// From x = 0. The sums of dot products have a fixed order. Throws MathError "not-finite" when a value overflows.
CgResult ConjugateGradient(const Operator& a, ConstValues b, const CgOptions& options = {});

}  // namespace tessera::math::quadratic
