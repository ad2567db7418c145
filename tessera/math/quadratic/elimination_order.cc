#include "tessera/math/quadratic/elimination_order.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "tessera/math/quadratic/sparse.h"

namespace tessera::math::quadratic {
namespace {

using Ids = std::vector<int32_t>;

// A variable stands for one or more columns with the same neighbours. An eliminated variable becomes an element: the
// clique of what it was connected with, kept as one list.
class QuotientGraph {
 public:
  QuotientGraph(const SparseMatrix& a, const Ids& partner)
      : n_(static_cast<size_t>(a.n)),
        variables_(n_),
        elements_(n_),
        members_(n_),
        columns_(n_),
        weight_(n_),
        degree_(n_),
        state_(n_, State::kVariable),
        mark_(n_),
        excess_(n_),
        excess_stamp_(n_),
        head_(n_ + 1, -1),
        next_(n_, -1),
        previous_(n_, -1) {
    Ids owner(n_);
    for (size_t i = 0; i < n_; ++i) owner[i] = std::min(static_cast<int32_t>(i), partner[i]);
    for (size_t i = 0; i < n_; ++i) {
      const auto to = static_cast<size_t>(owner[i]);
      columns_[to].push_back(static_cast<int32_t>(i));
      ++weight_[to];
      if (to != i) state_[i] = State::kMerged;
      for (int64_t e = a.start[i]; e < a.start[i + 1]; ++e) {
        const int32_t j = owner[static_cast<size_t>(a.column[static_cast<size_t>(e)])];
        if (j != owner[i]) variables_[to].push_back(j);
      }
    }
    // Rows that touch very many others would be visited at every step; they go last.
    const auto most = static_cast<size_t>(16 + 10 * std::sqrt(static_cast<double>(n_)));
    for (size_t i = 0; i < n_; ++i) {
      Ids& list = variables_[i];
      std::ranges::sort(list);
      list.erase(std::unique(list.begin(), list.end()), list.end());
      if (list.size() > most) {
        state_[i] = State::kPostponed;
        postponed_.insert(postponed_.end(), columns_[i].begin(), columns_[i].end());
        Ids().swap(list);
      }
    }
    for (size_t i = 0; i < n_; ++i) {
      std::erase_if(variables_[i], [&](int32_t j) { return state_[static_cast<size_t>(j)] != State::kVariable; });
      for (const int32_t j : variables_[i]) degree_[i] += weight_[static_cast<size_t>(j)];
      if (state_[i] == State::kVariable) Enter(static_cast<int32_t>(i));
    }
  }

  EliminationOrder Eliminate() {
    EliminationOrder result;
    result.group_start.push_back(0);
    while (result.order.size() + postponed_.size() < n_) {
      const int32_t pivot = LeastDegree();
      left_ = static_cast<int64_t>(n_ - result.order.size());
      Form(pivot);
      Update(pivot);
      for (const int32_t c : columns_[static_cast<size_t>(pivot)]) result.order.push_back(c);
      result.group_start.push_back(static_cast<int32_t>(result.order.size()));
    }
    if (!postponed_.empty()) {
      result.order.insert(result.order.end(), postponed_.begin(), postponed_.end());
      result.group_start.push_back(static_cast<int32_t>(n_));
    }
    return result;
  }

 private:
  enum class State : int8_t { kVariable, kElement, kMerged, kAbsorbed, kPostponed };

  size_t n_;
  std::vector<Ids> variables_, elements_, members_, columns_;
  Ids postponed_, weight_;  // columns that go last; columns of a variable
  std::vector<int64_t> degree_;
  std::vector<State> state_;
  std::vector<int64_t> mark_, excess_, excess_stamp_;
  Ids head_, next_, previous_;  // variables by degree, in lists
  int64_t stamp_ = 0, left_ = 0;
  size_t least_ = 0;

  void Enter(int32_t i) {
    const auto at = static_cast<size_t>(std::min<int64_t>(degree_[static_cast<size_t>(i)], static_cast<int64_t>(n_)));
    next_[static_cast<size_t>(i)] = head_[at];
    previous_[static_cast<size_t>(i)] = -1;
    if (head_[at] >= 0) previous_[static_cast<size_t>(head_[at])] = i;
    head_[at] = i;
    least_ = std::min(least_, at);
  }

  void Leave(int32_t i) {
    const int32_t before = previous_[static_cast<size_t>(i)], after = next_[static_cast<size_t>(i)];
    if (after >= 0) previous_[static_cast<size_t>(after)] = before;
    if (before >= 0) {
      next_[static_cast<size_t>(before)] = after;
    } else {
      head_[static_cast<size_t>(std::min<int64_t>(degree_[static_cast<size_t>(i)], static_cast<int64_t>(n_)))] = after;
    }
  }

  int32_t LeastDegree() {
    while (head_[least_] < 0) ++least_;
    const int32_t i = head_[least_];
    Leave(i);
    return i;
  }

  // The clique of the pivot: its neighbours, and those of the elements that it touches, which it absorbs.
  void Form(int32_t pivot) {
    const auto p = static_cast<size_t>(pivot);
    ++stamp_;
    mark_[p] = stamp_;
    Ids clique;
    const auto take = [&](const Ids& list) {
      for (const int32_t i : list) {
        const auto at = static_cast<size_t>(i);
        if (state_[at] != State::kVariable || mark_[at] == stamp_) continue;
        mark_[at] = stamp_;
        clique.push_back(i);
      }
    };
    take(variables_[p]);
    for (const int32_t e : elements_[p]) {
      const auto at = static_cast<size_t>(e);
      if (state_[at] != State::kElement) continue;
      take(members_[at]);
      state_[at] = State::kAbsorbed;
      Ids().swap(members_[at]);
    }
    Ids().swap(variables_[p]);
    Ids().swap(elements_[p]);
    state_[p] = State::kElement;
    members_[p] = std::move(clique);
  }

  void Update(int32_t pivot) {
    const auto p = static_cast<size_t>(pivot);
    Ids& clique = members_[p];
    int64_t size = 0;
    for (const int32_t i : clique) size += weight_[static_cast<size_t>(i)];
    // Columns of each neighbouring element that lie outside the clique.
    for (const int32_t i : clique)
      for (const int32_t e : elements_[static_cast<size_t>(i)]) {
        const auto at = static_cast<size_t>(e);
        if (state_[at] != State::kElement) continue;
        if (excess_stamp_[at] != stamp_) {
          excess_stamp_[at] = stamp_;
          excess_[at] = 0;
          Ids& list = members_[at];
          std::erase_if(list, [&](int32_t j) { return state_[static_cast<size_t>(j)] != State::kVariable; });
          for (const int32_t j : list) excess_[at] += weight_[static_cast<size_t>(j)];
        }
        excess_[at] -= weight_[static_cast<size_t>(i)];
      }
    std::unordered_map<uint64_t, Ids> alike;
    for (const int32_t i : clique) {
      const auto at = static_cast<size_t>(i);
      Leave(i);
      int64_t outside = 0;
      uint64_t hash = 0;
      std::erase_if(elements_[at], [&](int32_t e) {
        const auto k = static_cast<size_t>(e);
        if (state_[k] != State::kElement) return true;
        if (excess_[k] == 0) {  // it lies within the new one
          state_[k] = State::kAbsorbed;
          return true;
        }
        outside += excess_[k];
        hash += static_cast<uint64_t>(e) * 0x9E3779B97F4A7C15u;
        return false;
      });
      std::erase_if(variables_[at], [&](int32_t j) {
        const auto k = static_cast<size_t>(j);
        if (state_[k] != State::kVariable || mark_[k] == stamp_) return true;
        outside += weight_[k];
        hash += static_cast<uint64_t>(j) * 0xC2B2AE3D27D4EB4Fu;
        return false;
      });
      const int64_t inside = size - weight_[at];
      if (outside == 0) {  // nothing but the clique: it can be eliminated along with the pivot
        Merge(i, pivot);
        continue;
      }
      elements_[at].push_back(pivot);
      degree_[at] = std::min({left_ - weight_[at], degree_[at] + inside, inside + outside});
      alike[hash].push_back(i);
    }
    for (auto& [hash, list] : alike) JoinAlike(list);
    std::erase_if(clique, [&](int32_t i) { return state_[static_cast<size_t>(i)] != State::kVariable; });
    for (const int32_t i : clique) Enter(i);
  }

  void JoinAlike(Ids& list) {
    for (size_t a = 0; a < list.size(); ++a) {
      const auto i = static_cast<size_t>(list[a]);
      if (state_[i] != State::kVariable) continue;
      for (size_t b = a + 1; b < list.size(); ++b) {
        const auto j = static_cast<size_t>(list[b]);
        if (state_[j] != State::kVariable || elements_[i].size() != elements_[j].size() ||
            variables_[i].size() != variables_[j].size())
          continue;
        if (!SameSet(elements_[i], elements_[j]) || !SameSet(variables_[i], variables_[j])) continue;
        degree_[i] -= weight_[j];
        Merge(list[b], list[a]);
      }
    }
  }

  static bool SameSet(Ids& a, Ids& b) {
    std::ranges::sort(a);
    std::ranges::sort(b);
    return a == b;
  }

  void Merge(int32_t from, int32_t to) {
    const auto f = static_cast<size_t>(from), t = static_cast<size_t>(to);
    columns_[t].insert(columns_[t].end(), columns_[f].begin(), columns_[f].end());
    weight_[t] += weight_[f];
    state_[f] = State::kMerged;
    Ids().swap(columns_[f]);
    Ids().swap(variables_[f]);
    Ids().swap(elements_[f]);
  }
};

}  // namespace

EliminationOrder MinimumDegree(const SparseMatrix& a, const std::vector<int32_t>& partner) {
  return QuotientGraph(a, partner).Eliminate();
}

}  // namespace tessera::math::quadratic
