#pragma once
// LDL' of a sparse symmetric matrix by fronts (Duff and Reid 1983). Columns that are eliminated together form a front:
// a dense block of their rows, into which the fronts below it have added what they left over. So all arithmetic is
// dense.

#include <cstdint>
#include <span>
#include <vector>

#include "tessera/math/quadratic/elimination_order.h"
#include "tessera/math/quadratic/quadratic.h"
#include "tessera/math/quadratic/sparse.h"

namespace tessera::math::quadratic {

// Columns whose diagonal is weak get the neighbour with the strongest tie, so that both are eliminated together.
std::vector<int32_t> Partners(const SparseMatrix& a);

// Where L has entries, before any number is computed.
class FrontTree {
 public:
  struct Front {
    int32_t first = 0, last = 0;    // columns first … last - 1 of the order
    std::vector<int32_t> rows;      // places below them where L has entries
    std::vector<int32_t> children;  // fronts that add to this one
    int32_t width() const { return last - first; }
    int64_t height() const { return width() + std::ssize(rows); }
  };

  FrontTree(const SparseMatrix& a, const std::vector<int32_t>& partner);

  const std::vector<Front>& fronts() const { return fronts_; }
  const std::vector<int32_t>& sequence() const { return sequence_; }  // children before their parents
  const std::vector<int32_t>& order() const { return order_; }        // order[place]: the column of A
  const std::vector<int32_t>& place() const { return place_; }        // its inverse
  int64_t values() const { return values_; }                          // of L
  int64_t peak_values() const { return peak_; }                       // of L and of what waits for its parent
  double operations() const { return operations_; }
  int64_t longest_row() const { return longest_row_; }  // s: the most entries in a row of L
  // max over i of sqrt(a_ii) Σ_j sqrt(a_jj) over the places where L + L' has entries
  double DiagonalBound(const SparseMatrix& a) const;

 private:
  std::vector<Front> fronts_;
  std::vector<int32_t> sequence_, order_, place_;
  int64_t values_ = 0, peak_ = 0, longest_row_ = 0;
  double operations_ = 0;
};

enum class Pivoting { kNone, kDelayed };  // kNone: fails at the first pivot that is not positive

class SparseFactor {
 public:
  // sign · A + shift · I = L D L'. Not complete if a pivot is zero (or not positive, for kNone), or if so many columns
  // are delayed that L would have more than three times its entries.
  SparseFactor(const SparseMatrix& a, const FrontTree& tree, double sign, double shift, Pivoting pivoting);

  bool complete() const { return complete_; }
  Inertia inertia() const;
  // A bound of the spectral norm of |L||D||L'|, and s, the most entries in a row of L, with those of delayed columns
  struct Growth {
    double bound = 0;
    int64_t longest_row = 0;
  };
  Growth GrowthBound() const;
  // x <- (sign · A + shift · I)^-1 x
  void Solve(std::vector<double>& x) const;
  // L'^-1 e_k for a pivot of that sign, in A's order: v'(LDL')v has that sign. Empty if there is none.
  std::vector<double> DirectionOf(int sign) const;

 private:
  struct Part {
    std::vector<double> l;       // [height, columns], column by column; unit lower triangle on top
    std::vector<double> d, off;  // D's diagonal, and off[k] = D_(k+1)k where a pivot of size 2 begins
    std::vector<int32_t> place;  // of each row, after pivoting; the first are the columns
  };
  const FrontTree& tree_;
  std::vector<Part> parts_;
  bool complete_ = true;

  void MultiplySizes(const std::vector<double>& x, std::vector<double>& y) const;
  void Backward(std::vector<double>& y) const;  // y <- L'^-1 y, by places
};

}  // namespace tessera::math::quadratic
