#include "tessera/math/quadratic/laplacian.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tessera/core/thread_pool.h"

namespace tessera::math::quadratic {
namespace {

constexpr int64_t kBand = 64;  // rows that one thread works on; sums of bands are added in their order

// q_row = 4p - neighbours, and the row's p'q. `above` and `below` are null at the border.
double StencilRow(int64_t width, const double* above, const double* p, const double* below, double* q) {
  double lanes[8] = {};
  const auto at = [&](int64_t j, double left, double right) {
    const double value = 4 * p[j] - left - right - (above ? above[j] : 0) - (below ? below[j] : 0);
    q[j] = value;
    return p[j] * value;
  };
  if (width == 1) return at(0, 0, 0);
  double ends = at(0, 0, p[1]);
  int64_t j = 1;
  if (above != nullptr && below != nullptr) {
    for (; j + 8 < width; j += 8)
      for (int l = 0; l < 8; ++l) {
        const int64_t i = j + l;
        const double value = 4 * p[i] - p[i - 1] - p[i + 1] - above[i] - below[i];
        q[i] = value;
        lanes[l] += p[i] * value;
      }
  }
  for (; j < width - 1; ++j) ends += at(j, p[j - 1], p[j + 1]);
  ends += at(width - 1, p[width - 2], 0);
  for (const double lane : lanes) ends += lane;
  return ends;
}

// p = r + beta p over a row
void Update(int64_t width, const double* r, double beta, const double* before, double* p) {
  for (int64_t j = 0; j < width; ++j) p[j] = r[j] + beta * before[j];
}

double Step(const Grid& grid, ConstValues r, double beta, Values p, Values q) {
  const int64_t w = grid.width, h = grid.height, bands = (h + kBand - 1) / kBand;
  std::vector<double> sums(static_cast<size_t>(bands));
  // The rows at the bands' borders first, kept apart: a band must see its neighbours' new rows while theirs are old.
  std::vector<double> border(static_cast<size_t>(2 * bands * w));
  const auto last_of = [&](int64_t band) { return std::min(h, (band + 1) * kBand) - 1; };
  ParallelFor(bands, [&](int64_t band) {
    double* rows = &border[static_cast<size_t>(2 * band * w)];
    Update(w, &r[static_cast<size_t>(band * kBand * w)], beta, &p[static_cast<size_t>(band * kBand * w)], rows);
    Update(w, &r[static_cast<size_t>(last_of(band) * w)], beta, &p[static_cast<size_t>(last_of(band) * w)], rows + w);
  });
  ParallelFor(bands, [&](int64_t band) {
    const int64_t first = band * kBand, last = last_of(band);
    const double* above = band > 0 ? &border[static_cast<size_t>((2 * band - 1) * w)] : nullptr;
    const double* under = band + 1 < bands ? &border[static_cast<size_t>(2 * (band + 1) * w)] : nullptr;
    double sum = 0;
    Update(w, &r[static_cast<size_t>(first * w)], beta, &p[static_cast<size_t>(first * w)],
           &p[static_cast<size_t>(first * w)]);
    for (int64_t i = first; i <= last; ++i) {
      double* row = &p[static_cast<size_t>(i * w)];
      if (i < last) Update(w, &r[static_cast<size_t>((i + 1) * w)], beta, row + w, row + w);
      sum +=
          StencilRow(w, i > first ? row - w : above, row, i < last ? row + w : under, &q[static_cast<size_t>(i * w)]);
    }
    sums[static_cast<size_t>(band)] = sum;
  });
  double sum = 0;
  for (const double value : sums) sum += value;
  return sum;
}

double Eigenvalue(const Grid& grid, double i, double j) {
  const auto part = [](double k, int64_t n) {
    const double s = std::sin(k * std::numbers::pi / (2 * static_cast<double>(n + 1)));
    return 4 * s * s;
  };
  return part(i, grid.width) + part(j, grid.height);
}

}  // namespace

double LeastEigenvalue(const Grid& grid) { return Eigenvalue(grid, 1, 1); }
double GreatestEigenvalue(const Grid& grid) {
  return Eigenvalue(grid, static_cast<double>(grid.width), static_cast<double>(grid.height));
}

void ApplyLaplacian(const Grid& grid, ConstValues u, Values q) {
  const int64_t w = grid.width;
  ParallelFor(grid.height, [&](int64_t i) {
    const double* row = &u[static_cast<size_t>(i * w)];
    StencilRow(w, i > 0 ? row - w : nullptr, row, i + 1 < grid.height ? row + w : nullptr,
               &q[static_cast<size_t>(i * w)]);
  });
}

Operator LaplacianOperator(const Grid& grid) {
  return {grid.size(), [grid](ConstValues r, double beta, Values p, Values q) { return Step(grid, r, beta, p, q); }};
}

}  // namespace tessera::math::quadratic
