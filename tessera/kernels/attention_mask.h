#pragma once
// The pattern of one sequence in terms of positions. The keys that a query sees are consecutive *positions*
// begin … end - 1. In a plain run, position and key index are the same. In a tree, positions from `prefix` on are the
// query's own ancestors, wherever they lie among the keys: so a path through a tree looks exactly like a plain run,
// and every kernel that sums in the order of positions gives a path the bits of the run.

#include <algorithm>
#include <vector>

#include "tessera/kernels/attention_pattern.h"

namespace tessera::kernels {

// Positions begin … end - 1; none if begin >= end.
struct KeyRange {
  int64_t begin = 0, end = 0;
};

class AttentionMask {
 public:
  AttentionMask(const AttentionPattern& pattern, const AttentionSequence& sequence)
      : key_count_(sequence.key_count),
        prefix_(sequence.key_count - sequence.query_count),
        window_(pattern.window),
        to_self_(pattern.causal || pattern.window > 0),
        parents_(sequence.tree_parents) {
    for (int32_t parent : parents_) depth_.push_back(parent < 0 ? 0 : depth_[static_cast<size_t>(parent)] + 1);
  }

  bool is_tree() const { return !parents_.empty(); }
  int64_t prefix() const {
    return prefix_;
  }  // keys before the first query; below 0 if there are more queries than keys

  // The positions that a query sees.
  KeyRange Range(int64_t query) const {
    const int64_t position = prefix_ + (is_tree() ? depth_[static_cast<size_t>(query)] : query);
    const int64_t end = to_self_ || is_tree() ? std::clamp<int64_t>(position + 1, 0, key_count_) : key_count_;
    const int64_t begin = window_ > 0 ? std::max<int64_t>(0, position - window_ + 1) : 0;
    return {begin, std::max(begin, end)};
  }

  // For a query of a tree: the key indices at positions prefix, prefix + 1, … up to its own.
  std::vector<int64_t> Path(int64_t query) const {
    std::vector<int64_t> keys(static_cast<size_t>(depth_[static_cast<size_t>(query)]) + 1);
    for (size_t place = keys.size(); place-- > 0; query = parents_[static_cast<size_t>(query)])
      keys[place] = prefix_ + query;
    return keys;
  }

 private:
  int64_t key_count_, prefix_, window_;
  bool to_self_;
  const std::vector<int32_t>& parents_;
  std::vector<int64_t> depth_;
};

}  // namespace tessera::kernels
