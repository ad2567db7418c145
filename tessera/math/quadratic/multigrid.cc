#include <algorithm>

#include "tessera/core/thread_pool.h"
#include "tessera/math/quadratic/laplacian.h"

namespace tessera::math::quadratic {
namespace {

constexpr int64_t kBand = 32;
constexpr int kCoarsestSweeps = 32;

// Coarse points lie at the fine points 2, 4, …; frames of zeros stand for the border.
Grid Coarser(const Grid& grid) { return {std::max<int64_t>(1, grid.width / 2), std::max<int64_t>(1, grid.height / 2)}; }

// x_ij = (right_ij + neighbours)/4 at points of one colour, (i + j) % 2 == colour. Points of one colour do not see each
// other, so any order and any number of threads gives the same.
void Sweep(const Grid& grid, std::vector<double>& x, const std::vector<double>& right, int64_t colour) {
  const int64_t w = grid.width, stride = w + 2;
  ParallelForRange(grid.height, kBand, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin + 1; i <= end; ++i) {
      double* row = &x[static_cast<size_t>(i * stride)];
      const double* b = &right[static_cast<size_t>(i * stride)];
      const double *above = row - stride, *below = row + stride;
      for (int64_t j = 1 + (i + 1 + colour) % 2; j <= w; j += 2)
        row[j] = 0.25 * (b[j] + row[j - 1] + row[j + 1] + above[j] + below[j]);
    }
  });
}

// The coarse right side: full weighting (1 2 1; 2 4 2; 1 2 1)/4 of the residual, which is its adjoint interpolation;
// the coarse operator is the same stencil, since h² doubles twice.
void Restrict(const Grid& fine, const std::vector<double>& x, const std::vector<double>& right, const Grid& coarse,
              std::vector<double>& out) {
  const int64_t stride = fine.width + 2, coarse_stride = coarse.width + 2;
  ParallelForRange(coarse.height, kBand / 2, [&](int64_t begin, int64_t end) {
    // After the black sweep the residual is zero at black points; all points are computed all the same, three rows at a
    // time.
    std::vector<double> residual(static_cast<size_t>(3 * stride));
    const auto fill = [&](int64_t i) {
      double* out_row = &residual[static_cast<size_t>(i % 3 * stride)];
      std::fill(out_row, out_row + stride, 0.0);
      if (i < 1 || i > fine.height) return;
      const double* row = &x[static_cast<size_t>(i * stride)];
      const double* b = &right[static_cast<size_t>(i * stride)];
      const double *above = row - stride, *below = row + stride;
      for (int64_t j = 1; j <= fine.width; ++j)
        out_row[j] = b[j] - (4 * row[j] - row[j - 1] - row[j + 1] - above[j] - below[j]);
    };
    int64_t filled = 2 * (begin + 1) - 2;
    for (int64_t ci = begin + 1; ci <= end; ++ci) {
      const int64_t i = 2 * ci;
      while (filled < i + 1) fill(++filled);
      const double* m = &residual[static_cast<size_t>(i % 3 * stride)];
      const double* u = &residual[static_cast<size_t>((i - 1) % 3 * stride)];
      const double* d = &residual[static_cast<size_t>((i + 1) % 3 * stride)];
      double* row = &out[static_cast<size_t>(ci * coarse_stride)];
      for (int64_t cj = 1; cj <= coarse.width; ++cj) {
        const int64_t j = 2 * cj;
        const double edges = m[j - 1] + m[j + 1] + u[j] + d[j];
        const double corners = u[j - 1] + u[j + 1] + d[j - 1] + d[j + 1];
        row[cj] = 0.25 * (4 * m[j] + 2 * edges + corners);
      }
    }
  });
}

// x += bilinear interpolation of the coarse correction
void Prolong(const Grid& coarse, const std::vector<double>& correction, const Grid& fine, std::vector<double>& x) {
  const int64_t stride = fine.width + 2, coarse_stride = coarse.width + 2;
  ParallelForRange(fine.height, kBand, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin + 1; i <= end; ++i) {
      double* row = &x[static_cast<size_t>(i * stride)];
      const double* low = &correction[static_cast<size_t>(i / 2 * coarse_stride)];
      const double* high = &correction[static_cast<size_t>((i + 1) / 2 * coarse_stride)];
      for (int64_t j = 1; j <= fine.width; ++j) {
        const int64_t a = j / 2, b = (j + 1) / 2;
        row[j] += 0.25 * (low[a] + low[b] + high[a] + high[b]);
      }
    }
  });
}

}  // namespace

Multigrid::Multigrid(const Grid& grid) {
  for (Grid g = grid;; g = Coarser(g)) {
    const auto framed = static_cast<size_t>((g.width + 2) * (g.height + 2));
    levels_.push_back({g, std::vector<double>(framed), std::vector<double>(framed)});
    if (g.width <= 3 || g.height <= 3) break;
  }
}

void Multigrid::Cycle(size_t level) {
  Level& fine = levels_[level];
  std::ranges::fill(fine.x, 0.0);
  if (level + 1 == levels_.size()) {
    for (int k = 0; k < kCoarsestSweeps; ++k) {
      Sweep(fine.grid, fine.x, fine.right, 0);
      Sweep(fine.grid, fine.x, fine.right, 1);
    }
    for (int k = 0; k < kCoarsestSweeps; ++k) {
      Sweep(fine.grid, fine.x, fine.right, 1);
      Sweep(fine.grid, fine.x, fine.right, 0);
    }
    return;
  }
  Level& coarse = levels_[level + 1];
  Sweep(fine.grid, fine.x, fine.right, 0);
  Sweep(fine.grid, fine.x, fine.right, 1);
  Restrict(fine.grid, fine.x, fine.right, coarse.grid, coarse.right);
  Cycle(level + 1);
  Prolong(coarse.grid, coarse.x, fine.grid, fine.x);
  Sweep(fine.grid, fine.x, fine.right, 1);
  Sweep(fine.grid, fine.x, fine.right, 0);
}

void Multigrid::Apply(Values z, ConstValues r) {
  Level& top = levels_.front();
  const int64_t w = top.grid.width, stride = w + 2;
  ParallelForRange(top.grid.height, kBand, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      std::copy_n(&r[static_cast<size_t>(i * w)], w, &top.right[static_cast<size_t>((i + 1) * stride + 1)]);
  });
  Cycle(0);
  ParallelForRange(top.grid.height, kBand, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      std::copy_n(&top.x[static_cast<size_t>((i + 1) * stride + 1)], w, &z[static_cast<size_t>(i * w)]);
  });
}

}  // namespace tessera::math::quadratic
