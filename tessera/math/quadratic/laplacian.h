#pragma once
// The five-point Laplacian on a grid with zeros around it: (Au)_ij = 4u_ij - u_(i±1)j - u_i(j±1), never stored.
// It is positive definite: its eigenvalues are 4 - 2cos(iπ/(w+1)) - 2cos(jπ/(h+1)).

#include "tessera/math/quadratic/conjugate_gradient.h"

namespace tessera::math::quadratic {

struct Grid {
  int64_t width = 0, height = 0;
  int64_t size() const { return width * height; }
};

// The smallest and the greatest eigenvalue.
double LeastEigenvalue(const Grid& grid);
double GreatestEigenvalue(const Grid& grid);

// q = A u
void ApplyLaplacian(const Grid& grid, ConstValues u, Values q);
// For ConjugateGradient: the direction is updated a row ahead of the stencil, so p is read and written once.
Operator LaplacianOperator(const Grid& grid);

// One V-cycle of multigrid as an approximate inverse, symmetric and positive definite, so that it preconditions
// conjugate gradients: red-black Gauss-Seidel before, the reverse after, coarse grids of every other point (Brandt
// 1977).
class Multigrid {
 public:
  explicit Multigrid(const Grid& grid);
  // z ≈ A^-1 r
  void Apply(Values z, ConstValues r);

 private:
  struct Level {
    Grid grid;
    std::vector<double> x, right;  // with a frame of zeros, (width + 2) × (height + 2)
  };
  std::vector<Level> levels_;

  void Cycle(size_t level);
};

}  // namespace tessera::math::quadratic
