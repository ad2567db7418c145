#include <algorithm>
#include <cmath>

#include "tessera/math/quadratic/multifrontal.h"

namespace tessera::math::quadratic {
namespace {

constexpr int32_t kMostWidth = 64;  // columns of a front: what one panel eliminates before a product of matrices

// The order's groups, wide ones in parts; columns that belong together stay together.
std::vector<int32_t> Parts(const EliminationOrder& elimination, const std::vector<int32_t>& partner) {
  std::vector<int32_t> starts = {0};
  for (size_t g = 0; g + 1 < elimination.group_start.size(); ++g) {
    const int32_t end = elimination.group_start[g + 1];
    while (starts.back() < end) {
      int32_t next = std::min(end, starts.back() + kMostWidth);
      const auto column = [&](int32_t k) { return elimination.order[static_cast<size_t>(k)]; };
      if (next < end && partner[static_cast<size_t>(column(next - 1))] == column(next) && next - 1 > starts.back())
        --next;
      starts.push_back(next);
    }
  }
  return starts;
}

}  // namespace

FrontTree::FrontTree(const SparseMatrix& a, const std::vector<int32_t>& partner) {
  const auto n = static_cast<size_t>(a.n);
  EliminationOrder elimination = MinimumDegree(a, partner);
  const std::vector<int32_t> starts = Parts(elimination, partner);
  order_ = std::move(elimination.order);
  place_.resize(n);
  for (size_t k = 0; k < n; ++k) place_[static_cast<size_t>(order_[k])] = static_cast<int32_t>(k);
  fronts_.resize(starts.size() - 1);
  std::vector<int32_t> front_of(n), seen(n, -1), row_length(n), roots;
  for (size_t f = 0; f < fronts_.size(); ++f)
    for (int32_t k = starts[f]; k < starts[f + 1]; ++k) front_of[static_cast<size_t>(k)] = static_cast<int32_t>(f);
  for (size_t f = 0; f < fronts_.size(); ++f) {
    Front& front = fronts_[f];
    front.first = starts[f];
    front.last = starts[f + 1];
    const auto add = [&](int32_t place) {
      if (place < front.last || seen[static_cast<size_t>(place)] == static_cast<int32_t>(f)) return;
      seen[static_cast<size_t>(place)] = static_cast<int32_t>(f);
      front.rows.push_back(place);
    };
    for (int32_t k = front.first; k < front.last; ++k) {
      const auto column = static_cast<size_t>(order_[static_cast<size_t>(k)]);
      for (int64_t e = a.start[column]; e < a.start[column + 1]; ++e)
        add(place_[static_cast<size_t>(a.column[static_cast<size_t>(e)])]);
    }
    for (const int32_t child : front.children)
      for (const int32_t place : fronts_[static_cast<size_t>(child)].rows) add(place);
    std::ranges::sort(front.rows);
    if (front.rows.empty()) {
      roots.push_back(static_cast<int32_t>(f));
    } else {
      const int32_t parent = front_of[static_cast<size_t>(front.rows[0])];
      fronts_[static_cast<size_t>(parent)].children.push_back(static_cast<int32_t>(f));
    }
    const auto width = static_cast<double>(front.width()), height = static_cast<double>(front.height());
    operations_ += width * height * height;
    values_ += front.width() * front.height();
    for (int32_t k = front.first; k < front.last; ++k) row_length[static_cast<size_t>(k)] += k - front.first + 1;
    for (const int32_t place : front.rows) row_length[static_cast<size_t>(place)] += front.width();
  }
  longest_row_ = *std::ranges::max_element(row_length);
  // Depth first, so that few results wait for their parents.
  struct Visit {
    int32_t front;
    size_t child = 0;
  };
  int64_t waiting = 0, kept = 0;
  const auto left_over = [&](int32_t f) {
    const int64_t rows = std::ssize(fronts_[static_cast<size_t>(f)].rows);
    return rows * rows;
  };
  for (const int32_t root : roots) {
    std::vector<Visit> path = {{root}};
    while (!path.empty()) {
      Visit& visit = path.back();
      const Front& front = fronts_[static_cast<size_t>(visit.front)];
      if (visit.child < front.children.size()) {
        const int32_t child = front.children[visit.child++];
        path.push_back({child});
        continue;
      }
      kept += front.width() * front.height();
      peak_ = std::max(peak_, kept + waiting + left_over(visit.front));
      for (const int32_t child : front.children) waiting -= left_over(child);
      waiting += left_over(visit.front);
      sequence_.push_back(visit.front);
      path.pop_back();
    }
  }
}

double FrontTree::DiagonalBound(const SparseMatrix& a) const {
  std::vector<double> root(order_.size()), sum(order_.size());
  for (size_t k = 0; k < order_.size(); ++k) root[k] = std::sqrt(std::abs(a.Diagonal(order_[k])));
  for (const Front& front : fronts_) {
    double own = 0, below = 0;
    for (int32_t k = front.first; k < front.last; ++k) own += root[static_cast<size_t>(k)];
    for (const int32_t place : front.rows) {
      below += root[static_cast<size_t>(place)];
      sum[static_cast<size_t>(place)] += own;
    }
    for (int32_t k = front.first; k < front.last; ++k) sum[static_cast<size_t>(k)] += own + below;
  }
  double most = 0;
  for (size_t k = 0; k < sum.size(); ++k) most = std::max(most, root[k] * sum[k]);
  return most;
}

}  // namespace tessera::math::quadratic
