#pragma once
// Which key each query sees. Everything is ragged: the queries of all sequences lie end to end, and a prompt, a chunk
// of one, a decoding step of many users, a tree of guesses or a set of images differ only in this description.

#include <cstdint>
#include <memory>
#include <vector>

namespace tessera::kernels {

namespace cuda {
class PassPlan;
}  // namespace cuda

// One sequence: `query_count` rows of q, the next ones after the previous sequence's, against its own `key_count` keys.
// Query i stands at position key_count - query_count + i, so queries are the newest tokens.
struct AttentionSequence {
  int64_t query_count = 0;
  int64_t key_count = 0;              // the queries' own keys included
  std::vector<int32_t> pages;         // paged keys: page t / 64 holds key t; empty when keys lie in a plain tensor
  std::vector<int32_t> tree_parents;  // empty: a plain run of tokens. Else one entry a query: the query it continues
                                      // (smaller than itself), or -1 for one that continues the prefix. A query sees
                                      // the prefix, its ancestors and itself, and stands at prefix + depth.
};

struct AttentionPattern {
  std::vector<AttentionSequence> sequences;
  bool causal = true;  // a query sees no key after its own position; false: it sees all keys of its sequence
  int64_t window = 0;  // > 0: a query at position p sees positions p - window + 1 … p only (sliding window)
  // On a GPU: the lists made from this pattern, for any window. None: an operator makes its own each time.
  std::shared_ptr<const cuda::PassPlan> plan = nullptr;

  int64_t query_rows() const {
    int64_t rows = 0;
    for (const AttentionSequence& s : sequences) rows += s.query_count;
    return rows;
  }
  int64_t key_rows() const {
    int64_t rows = 0;
    for (const AttentionSequence& s : sequences) rows += s.key_count;
    return rows;
  }
};

}  // namespace tessera::kernels
