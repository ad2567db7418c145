#include "tessera/math/quadratic/conjugate_gradient.h"

#include <algorithm>
#include <cmath>

#include "tessera/core/thread_pool.h"
#include "tessera/math/errors.h"

namespace tessera::math::quadratic {
namespace {

constexpr int64_t kPiece = 1 << 14;  // values a piece of a sum; pieces are added in their order
constexpr int kLanes = 8;            // partial sums of a piece, for the vector units

int64_t Pieces(int64_t n) { return (n + kPiece - 1) / kPiece; }

// Σ over pieces of body(begin, end), each on any thread.
template <typename Body>
double SumOverPieces(int64_t n, Body body) {
  std::vector<double> sums(static_cast<size_t>(Pieces(n)));
  ParallelFor(Pieces(n), [&](int64_t piece) {
    sums[static_cast<size_t>(piece)] = body(piece * kPiece, std::min(n, (piece + 1) * kPiece));
  });
  double sum = 0;
  for (const double value : sums) sum += value;
  return sum;
}

double Dot(ConstValues x, ConstValues y) {
  return SumOverPieces(static_cast<int64_t>(x.size()), [&](int64_t begin, int64_t end) {
    double lanes[kLanes] = {};
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes)
      for (int l = 0; l < kLanes; ++l) lanes[l] += x[static_cast<size_t>(i + l)] * y[static_cast<size_t>(i + l)];
    for (; i < end; ++i) lanes[0] += x[static_cast<size_t>(i)] * y[static_cast<size_t>(i)];
    double sum = 0;
    for (const double lane : lanes) sum += lane;
    return sum;
  });
}

// x += alpha p and r -= alpha q in one pass; returns r'r.
double Advance(double alpha, ConstValues p, ConstValues q, Values x, Values r) {
  return SumOverPieces(static_cast<int64_t>(x.size()), [&](int64_t begin, int64_t end) {
    double lanes[kLanes] = {};
    const double *pp = p.data(), *qq = q.data();
    double *xx = x.data(), *rr = r.data();
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes)
      for (int l = 0; l < kLanes; ++l) {
        xx[i + l] += alpha * pp[i + l];
        const double next = rr[i + l] - alpha * qq[i + l];
        rr[i + l] = next;
        lanes[l] += next * next;
      }
    for (; i < end; ++i) {
      xx[i] += alpha * pp[i];
      rr[i] -= alpha * qq[i];
      lanes[0] += rr[i] * rr[i];
    }
    double sum = 0;
    for (const double lane : lanes) sum += lane;
    return sum;
  });
}

}  // namespace

CgResult ConjugateGradient(const Operator& a, ConstValues b, const CgOptions& options) {
  const auto n = static_cast<size_t>(a.n);
  CgResult result;
  result.x.assign(n, 0);
  std::vector<double> r(n), p(n), q(n), z(options.precondition ? n : 0);
  for (size_t i = 0; i < n; ++i) r[i] = -b[i] / 2;
  const double first = Dot(r, r);
  result.residuals = {1};
  if (first == 0) return (result.converged = true, result);
  const int64_t most = options.most_iterations > 0 ? options.most_iterations : std::min<int64_t>(10 * a.n, 100'000);
  double rr = first, rz_before = 0;
  for (int64_t k = 1; k <= most; ++k) {
    double rz = rr;
    if (options.precondition) {
      options.precondition(z, r);
      rz = Dot(r, z);
    }
    const double beta = k == 1 ? 0 : rz / rz_before;
    const double curvature = a.step(options.precondition ? ConstValues(z) : ConstValues(r), beta, p, q);
    if (!std::isfinite(curvature)) FailInput("not-finite", "conjugate gradients: a value overflowed; scale A and b");
    if (curvature <= 0) {
      if (curvature < 0) result.negative = p;
      return result;
    }
    rr = Advance(rz / curvature, p, q, result.x, r);
    rz_before = rz;
    result.residuals.push_back(std::sqrt(rr / first));
    if (options.on_progress) options.on_progress(k, result.residuals.back());
    if (result.residuals.back() <= options.tolerance) return (result.converged = true, result);
  }
  return result;
}

}  // namespace tessera::math::quadratic
