#pragma once
// The order in which a sparse symmetric matrix is eliminated: minimum degree on the quotient graph (George and Liu
// 1989), with the approximate degrees of Amestoy, Davis and Duff (1996).

#include <cstdint>
#include <vector>

namespace tessera::math::quadratic {

struct SparseMatrix;

struct EliminationOrder {
  std::vector<int32_t> order;        // order[k]: the k-th row and column to be eliminated
  std::vector<int32_t> group_start;  // columns group_start[g] … group_start[g + 1] - 1 of the order go together
};

// `partner` [n]: partner[i] = j and partner[j] = i are kept together, as pivots of size 2; partner[i] = i: alone.
EliminationOrder MinimumDegree(const SparseMatrix& a, const std::vector<int32_t>& partner);

}  // namespace tessera::math::quadratic
